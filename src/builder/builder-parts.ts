import type { Dockerfile } from '../dockerfile/ast.ts'
import type { Store } from '../store/store.ts'
import type { OpOptions } from '../util/progress.ts'
import type { BaseImages } from './base-images.ts'
import type { BuildEvent } from './build.ts'
import type { OpenCachePlace } from './cache/remote/cache-place.ts'
import type { ImageWriter } from './export/image-writer.ts'
import type { FinishedImage } from './export/export-build.ts'
import type { PlatformPlan } from './platform-plans.ts'
import type { StepId } from './plan/step.ts'
import type { OtherMachine } from './repro/other-machine.ts'
import type { StepResult } from './session.ts'
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

/** Lent by the engine: parts on a new store below `folder`, for a machine that has only the base images of this one. */
export type OpenElsewhere = (folder: string) => Promise<BuilderParts & AsyncDisposable>

export type BuildOptions = OpOptions & {
  readonly onEvent?: (event: BuildEvent) => void
  /** Builds as that machine would; on a store of its own, or later builds would take its results for theirs. */
  readonly machine?: OtherMachine
  /** What was built, while its layers are held. */
  readonly onBuilt?: (built: BuiltImages) => void
}

export interface BuiltImages {
  readonly dockerfile: Dockerfile
  readonly plans: readonly PlatformPlan[]
  readonly results: ReadonlyMap<StepId, StepResult>
  /** One a plan. */
  readonly images: readonly FinishedImage[]
}
