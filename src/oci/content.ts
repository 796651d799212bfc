import type { Readable } from 'node:stream'
import type { OpOptions } from '../util/progress.ts'
import type { Descriptor } from './descriptor.ts'

/** Something blobs can be read from: the store, a registry repository, an OCI layout, an archive. */
export interface ContentSource {
  /**
   * Streams the blob. The stream itself checks size and digest and fails with BLOB_DIGEST_MISMATCH or
   * BLOB_SIZE_MISMATCH before it ends: a reader that saw `end` has the right bytes. BLOB_NOT_FOUND when there is none.
   */
  fetch(target: Descriptor, options?: OpOptions): Promise<Readable>
  exists(target: Descriptor): Promise<boolean>
}

/** Something blobs can be written to. */
export interface ContentTarget extends ContentSource {
  /** Idempotent; visible only once size and digest were verified and the bytes are durable. */
  push(expected: Descriptor, body: Readable, options?: OpOptions): Promise<void>
}

/** Something that gives names to manifests. */
export interface Tagger {
  /** Errors of kind not-found when the name is unknown. */
  resolve(name: string, options?: OpOptions): Promise<Descriptor>
  tag(target: Descriptor, name: string, options?: OpOptions): Promise<void>
}
