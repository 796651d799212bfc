import type { Readable } from 'node:stream'
import type { OpOptions } from '../../util/progress.ts'

/** A place that keeps bytes under names and knows nothing of images. */
export interface ObjectStore {
  has(key: string, options?: OpOptions): Promise<boolean>
  /** Undefined when there is no such object. What comes is not verified. */
  get(key: string, options?: OpOptions): Promise<Readable | undefined>
  put(key: string, body: Readable, object: ObjectInfo, options?: OpOptions): Promise<void>
}

export interface ObjectInfo {
  readonly size: number
  /** Hex digits of the bytes' SHA-256. */
  readonly sha256: string
}
