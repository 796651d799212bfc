import type { Store } from '../store/store.ts'
import type { OpOptions } from '../util/progress.ts'
import type { BaseImages } from './base-images.ts'
import type { BuildEvent } from './build.ts'
import type { OpenCachePlace } from './cache/remote/cache-place.ts'
import type { ImageWriter } from './export/image-writer.ts'
import type { StepNetworks, StepRunner } from './step-runner.ts'

/** What the builder is lent. */
export interface BuilderParts {
  readonly store: Store
  readonly baseImages: BaseImages
  readonly runner: StepRunner
  readonly imageWriter: ImageWriter
  readonly openCache: OpenCachePlace
  /** Private networks of RUN steps; without them steps share the network of this machine. */
  readonly networks?: StepNetworks
  /** Steps side by side; default: the processors, at least 8, as most steps wait for the network or the disk. */
  readonly parallelism?: number
}

export type BuildOptions = OpOptions & { readonly onEvent?: (event: BuildEvent) => void }
