import type { Dockerfile } from '../dockerfile/ast.ts'
import type { ChainId, DiffId } from '../oci/digest.ts'
import type { Lease, Store } from '../store/store.ts'
import type { BuildEvent, RunOptions, SecretSource, SshSource } from './build.ts'
import type { StepCache } from './cache/step-cache.ts'
import type { SourceTree } from './context/source-tree.ts'
import type { Pins } from './lock/pins.ts'
import type { LowerRoot } from './operations/lower-root.ts'
import type { BuildStep, StepId } from './plan/step.ts'
import type { OtherMachine } from './repro/other-machine.ts'
import type { StepNetworks, StepRunner } from './step-runner.ts'

/** What a finished step leaves: a stack of layers. */
export interface StepResult {
  /** Undefined is an empty root. */
  readonly chain?: ChainId
  /** Bottom first. */
  readonly diffIds: readonly DiffId[]
  /** The layer this step added; absent when it changed nothing. */
  readonly added?: DiffId
  readonly cached: boolean
  /** Name and digest of the base image, as long as nothing was put on it. */
  readonly base?: string
}

/** What all steps of one build share. */
export interface BuildSession {
  /** Unique over all builds of the store. */
  readonly id: string
  readonly store: Store
  readonly runner: StepRunner
  readonly networks?: StepNetworks
  readonly dockerfile: Dockerfile
  readonly lease: Lease
  readonly timestamps: 'constant' | 'preserve'
  /** Seconds. */
  readonly epoch: number
  /** The user set SOURCE_DATE_EPOCH: steps see it too. */
  readonly hasEpoch: boolean
  readonly signal: AbortSignal
  readonly cache: StepCache
  /** Names context and Dockerfile over builds. */
  readonly scope: string
  readonly run: RunOptions & { readonly hostname: string }
  /** The one that the build pretends to be done on. */
  readonly machine?: OtherMachine
  /** Nothing is fetched, steps have no network. */
  readonly offline: boolean
  /** Where remote sources lead, when the build is locked. */
  readonly pins?: Pick<Pins, 'commit' | 'checksum'>
  readonly secrets: ReadonlyMap<string, SecretSource>
  readonly ssh: ReadonlyMap<string, SshSource>
  /** Files of a RUN that fails stay, for whoever wants to look at them. */
  readonly keepsFailures: boolean
  /** Fills a new cache mount's folder with what an imported cache has for it, and says where that came from. */
  readonly bringMount?: (name: string, key: string, folder: string) => Promise<string | undefined>
  /** A folder for files of this build, removed at its end. */
  readonly folder: string
  /** CPU milliseconds of RUN steps, when they are wanted. */
  readonly cpu?: Map<StepId, number>
  readonly emit: (event: BuildEvent) => void
  /** Milliseconds since the build began. */
  readonly now: () => number
  /** The build context, or the named one; opened at its first use. */
  context(name?: string): Promise<SourceTree>
  /** The files of a stack of layers as sources of COPY; open until the build ends. */
  tree(chain: ChainId | undefined): Promise<SourceTree>
  /** The folder that a stack of layers is mounted on, read only, until the build ends. */
  view(chain: ChainId | undefined): Promise<string>
  /** The same files as what a new layer will lie on. */
  lower(chain: ChainId | undefined): Promise<LowerRoot>
}

/** A step with the results of what it needs. */
export interface StepInputs {
  readonly step: BuildStep
  readonly parent: StepResult
  /** Results by step. */
  readonly results: ReadonlyMap<StepId, StepResult>
}

export const emptyResult: StepResult = { diffIds: [], cached: true }
