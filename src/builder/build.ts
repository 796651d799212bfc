import type { Readable } from 'node:stream'
import type { GitReference } from '../dockerfile/git-reference.ts'
import type { Unset } from '../dockerfile/unset.ts'
import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { OpOptions } from '../util/progress.ts'
import type { CacheExport, CacheImport } from './cache/remote/cache-place.ts'
import type { AttestationRequest } from './attest/attestation.ts'
import type { Entitlement } from './plan/run-instructions.ts'
import type { StepExit, StepIo, StepLimits, StepUlimit } from './step-runner.ts'
import type { BuildOutput } from './export/output.ts'
import type { LockReport } from './lock/make-lock.ts'
import type { ReproOptions } from './repro/check-repro.ts'
import type { ReproReport } from './repro/repro-report.ts'
import type { CheckReport, OutlineReport, TargetsReport } from './calls.ts'

/** Files that a build takes from somewhere. */
export type TreeContext =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'git'; readonly reference: GitReference }
  /** A tar in any compression; as the main context also a Dockerfile alone (B11). */
  | { readonly kind: 'http'; readonly url: string }

/** Where COPY and ADD take their files from: a folder, a git repository, a tar, or nowhere. */
export type BuildContext =
  | TreeContext
  /** A tar (plain, gzip, bzip2, xz, zstd) from standard input, or a Dockerfile when it is no tar (B11). */
  | { readonly kind: 'stream'; readonly stream: Readable }
  | { readonly kind: 'empty' }

/** What `--build-context` puts in place of a stage or image of its name (B13). */
export type NamedContext =
  | TreeContext
  /** A reference, or `scratch`. */
  | { readonly kind: 'image'; readonly reference: string }
  /** A folder in the OCI layout; without tag and digest its only image or the one tagged `latest`. */
  | { readonly kind: 'layout'; readonly path: string; readonly tag?: string; readonly digest?: string }
  /** Another stage of the Dockerfile. */
  | { readonly kind: 'stage'; readonly name: string }

/** One build with everything settled. `BuildWish` has defaults for what most leave out. */
export interface BuildRequest {
  readonly context: BuildContext
  /** By name. */
  readonly contexts?: Readonly<Record<string, NamedContext>>
  /** Path of the Dockerfile as the user gave it, or its text (`-f -`). Default: `Dockerfile`, then `Containerfile`. */
  readonly dockerfile?:
    | { readonly kind: 'path'; readonly path: string }
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'url'; readonly url: string }
  readonly names: readonly string[]
  readonly target?: string
  readonly buildArgs: Readonly<Record<string, string | undefined>>
  readonly labels: Readonly<Record<string, string>>
  /** Settings that the image does not have, whether the base or the Dockerfile set them. */
  readonly unset?: readonly Unset[]
  readonly noCache: boolean
  /** Stages, by name or index, whose steps run whatever the cache has. */
  readonly noCacheFilter?: readonly string[]
  /** Bytes that the build cache may have afterwards; Infinity leaves it as it is. Default: see `applyPolicy`. */
  readonly cacheLimit?: number
  readonly pull: boolean
  /** Every name must still lead where the lock file beside the Dockerfile says: LOCK_DRIFT. Servers out of reach are believed to agree. */
  readonly locked?: boolean
  /** Nothing is fetched and steps have no network: what is not in the store is an error, OFFLINE. */
  readonly offline?: boolean
  readonly network: 'default' | 'none' | 'host'
  /** What the Dockerfile may ask for (B90). */
  readonly entitlements?: readonly Entitlement[]
  readonly secrets?: readonly SecretSource[]
  readonly ssh?: readonly SshSource[]
  readonly run?: RunOptions
  /** One image each, under an index when there are several; default: this machine's. */
  readonly platforms?: readonly Platform[]
  /** Where the result goes; default: an image in the store. */
  readonly outputs?: readonly BuildOutput[]
  /** Caches of other machines, the first that has a result counts. */
  readonly cacheFrom?: readonly CacheImport[]
  readonly cacheTo?: readonly CacheExport[]
  /** What is stated about the images, beside them in an index. */
  readonly attestations?: AttestationRequest
  /** How the images came about is told in the result's metadata, whatever is stated in them. */
  readonly recordProvenance?: 'min' | 'max'
  readonly timestamps: 'constant' | 'preserve'
  /** Bytes that the image's layers may have together; IMAGE_OVER_BUDGET, and nothing is exported, when it has more. */
  readonly maxSize?: number
  /** The files of a RUN that fails are removed; default: they are kept for `debug`. */
  readonly forgetFailures?: boolean
  /** CPU time of RUN steps is wanted too, which costs a little. */
  readonly measured?: boolean
  /** Seconds: SOURCE_DATE_EPOCH, or 0. */
  readonly epoch?: number
}

/** A request as it is asked for: only the context has no default. */
export type BuildWish = Pick<BuildRequest, 'context'> & Partial<BuildRequest>

/** A secret of the build; read only when a step that wants it has to run. */
export interface SecretSource {
  readonly id: string
  read(): Promise<Uint8Array>
}

/** An agent that steps may ask to sign: the socket of a running one, or one made of private keys. */
export interface SshSource {
  readonly id: string
  readonly agent:
    | { readonly kind: 'socket'; readonly path: string }
    | { readonly kind: 'keys'; readonly keys: readonly { readonly name: string; readonly text: string }[] }
}

/** What holds for every RUN step (B92, B93). */
export interface RunOptions {
  /** `name:address`, `host-gateway` for the address of this machine. */
  readonly hosts?: readonly string[]
  /** Bytes of /dev/shm. */
  readonly shmSize?: number
  readonly ulimits?: readonly StepUlimit[]
  readonly cgroupParent?: string
  readonly limits?: StepLimits
}

/** `input`: an earlier step has another result. */
export type MissReason =
  | 'text'
  | 'argument'
  | 'environment'
  | 'base'
  | 'file'
  | 'mode'
  | 'added'
  | 'removed'
  | 'mount'
  | 'platform'
  | 'input'
  | 'no-cache'
  | 'evicted'
  | 'never-built'

/** Without `before` it is new, without `after` it is gone. Values of secrets are never in it. */
export interface MissDifference {
  readonly kind: MissReason
  readonly name: string
  readonly before?: string
  readonly after?: string
}

/** Why a step ran although an earlier build had it. */
export interface CacheMiss {
  readonly reason: MissReason
  /** One line, as shown behind the step: `src/a.ts changed, 1 of 2314 files`. */
  readonly summary: string
  readonly differences: readonly MissDifference[]
  /** How many there are beside those. */
  readonly more?: number
  /** A line at the end of an ignore file with which the step would have been cached. */
  readonly advice?: { readonly file: string; readonly line: string }
}

/** What a build reports while it runs; times are monotonic milliseconds since its start. */
export type BuildEvent =
  | {
      readonly type: 'plan'
      readonly steps: readonly {
        readonly id: string
        readonly name: string
        readonly stage: string
        /** `2/5`: which of its stage's steps it is. */
        readonly place: string
        /** Where there are several. */
        readonly platform?: string
      }[]
    }
  /** `name` for what is no step of the plan. */
  | { readonly type: 'start'; readonly step: string; readonly name?: string; readonly time: number }
  /** What a step did, to stay visible. */
  | { readonly type: 'note'; readonly step: string; readonly text: string }
  | { readonly type: 'miss'; readonly step: string; readonly miss: CacheMiss }
  | {
      readonly type: 'output'
      readonly step: string
      readonly stream: 'stdout' | 'stderr'
      readonly chunk: Buffer
      readonly time: number
    }
  | {
      readonly type: 'progress'
      readonly step: string
      readonly status: string
      readonly current?: number
      readonly total?: number
    }
  | { readonly type: 'done'; readonly step: string; readonly time: number; readonly cached: boolean }
  | { readonly type: 'error'; readonly step: string; readonly time: number; readonly message: string }
  | {
      readonly type: 'warning'
      readonly rule: string
      readonly message: string
      readonly description?: string
      readonly note?: string
      readonly url?: string
      readonly file?: string
      readonly line?: number
      /** The lines around it, those of the instruction marked. */
      readonly excerpt?: string
    }

/** What a build made. It is in the store, under its names, when this is told. */
export interface BuildResult {
  /** Of the image; of the index when there are several. */
  readonly id: Digest
  /** Digest of the manifest or index; absent when the result is no image. */
  readonly manifest?: Digest
  readonly names: readonly string[]
  /** What an output says of itself, by buildx's names. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** Every step in order, with why it was not cached. */
  readonly steps: readonly StepReport[]
  /** Where the time went. */
  readonly times: BuildTimes
}

/** Milliseconds. The phases follow each other without a gap: together they are the whole time. */
export interface BuildTimes {
  readonly total: number
  readonly phases: readonly {
    readonly name: 'reading' | 'planning' | 'steps' | 'export'
    readonly begun: number
    readonly milliseconds: number
  }[]
  /** CPU time of this process, without what RUN steps used. */
  readonly cpu: number
}

/** One step of a build that ended: how it went and how long it took. */
export interface StepReport {
  readonly name: string
  /** Name or `stage-N`. */
  readonly stage: string
  readonly cached: boolean
  /** Why it was not cached. */
  readonly miss?: CacheMiss
  /** Milliseconds from the build's start to this step's. */
  readonly begun: number
  readonly milliseconds: number
  /** Milliseconds of CPU time of a RUN, when it was measured. */
  readonly cpu?: number
  /** Of the layer that it added or that was found; 0 when it changed nothing. */
  readonly bytes: number
  /** The result had to wait for it: no other way through the steps it is made of took longer. */
  readonly critical?: boolean
  /** What its result is kept under; a FROM has none. */
  readonly key?: Digest
}

/** What is kept of the last build of an image, as long as the image. */
export interface BuildReport {
  /** Milliseconds since the epoch. */
  readonly builtAt: number
  /** As the user named it. */
  readonly dockerfile: string
  readonly steps: readonly StepReport[]
}

/** What to do where a step failed. */
export interface DebugWish {
  /** Default: the shell that the step itself was given to. */
  readonly command?: readonly string[]
  readonly io: StepIo
  /** The command gets the terminal of this process, of this size, and `io` nothing. */
  readonly terminal?: { readonly width: number; readonly height: number }
  /** Those of the step are not kept: it sees what is given here. */
  readonly secrets?: readonly SecretSource[]
  readonly ssh?: readonly SshSource[]
  /** Called before the command starts. */
  readonly onOpen?: (step: OpenedFailure) => void
}

/** A step that failed and was kept, to be looked into. */
export interface OpenedFailure {
  readonly id: string
  /** The instruction. */
  readonly name: string
  readonly command: readonly string[]
  readonly exitCode: number
  readonly createdAt: number
  /** IDs of secrets and agents that the step had and that are not here. */
  readonly missing: readonly string[]
}

/** Builds images from Dockerfiles, and tells what a build would do and why. */
export interface Builder {
  /** All or nothing: an image appears only when every step has succeeded. Errors: DOCKERFILE_*, STEP_FAILED, … with source lines in the message. */
  build(
    request: BuildWish,
    options?: OpOptions & { readonly onEvent?: (event: BuildEvent) => void },
  ): Promise<BuildResult>
  /** Runs the checks (`--check`) without building. Errors of the Dockerfile are part of the report. */
  check(request: BuildWish, options?: OpOptions): Promise<CheckReport>
  /** What the target takes. Errors: those of `build` that are found before a step runs. */
  outline(request: BuildWish, options?: OpOptions): Promise<OutlineReport>
  /** The stages that can be built. Errors: DOCKERFILE_*. */
  targets(request: BuildWish, options?: OpOptions): Promise<TargetsReport>
  /** Runs a command where a RUN failed, with what its process had. Errors: NO_FAILED_STEP, FAILED_STEP_BUSY. */
  debug(id: string | undefined, wish: DebugWish, options?: OpOptions): Promise<StepExit>
  /** Builds twice, the second time as on another machine, and names the first difference. Errors: those of `build`. */
  repro(request: BuildWish, options?: ReproOptions): Promise<ReproReport>
  /** Where the names in the Dockerfile lead now, beside what its lock file says. */
  lock(request: BuildWish, options?: OpOptions): Promise<LockReport>
  /** How the image was last built here; undefined when it was not. */
  report(image: Digest): Promise<BuildReport | undefined>
  /** Rows of the build cache, for `system df` and `builder du`. */
  cacheUsage(): Promise<readonly CacheUsage[]>
  /** Removes rows that nobody uses; bytes freed. */
  prune(
    options: PruneOptions,
  ): Promise<{ readonly removed: readonly CacheUsage[]; readonly reclaimed: number }>
}

/** What to remove of the build cache (B76). Without a limit all that matches goes, else the longest unused first. */
export interface PruneOptions {
  /** Also layers that images have, which frees nothing now but makes later builds run the steps again. */
  readonly all: boolean
  readonly matches?: (row: CacheUsage) => boolean
  /** Bytes that are left in any case. */
  readonly reservedSpace?: number
  /** Bytes that the rows may have together. */
  readonly maxUsedSpace?: number
  /** Bytes that should be free on the disk of the store. */
  readonly minFreeSpace?: number
}

/** One record of the build cache: a step's result, a source, or what a cache mount holds. `size` is bytes. */
export interface CacheUsage {
  readonly id: string
  /** IDs of the rows that this one was made from, where they are still there. */
  readonly parents: readonly string[]
  readonly description: string
  /** `regular`, `source.local`, `source.http`, `source.git.checkout`, `exec.cachemount`. */
  readonly type: string
  /** May change while it is kept. */
  readonly mutable: boolean
  readonly size: number
  readonly createdAt: number
  readonly lastUsedAt: number
  readonly uses: number
  /** By a build at this moment. */
  readonly inUse: boolean
  /** An image has the layer too. */
  readonly shared: boolean
}
