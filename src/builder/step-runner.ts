import type { Readable } from 'node:stream'
import type { OpOptions } from '../util/progress.ts'

/** A bind mount inside the step's container; `source` is a host path. */
export interface StepMount {
  readonly type: 'bind' | 'tmpfs'
  readonly source?: string
  readonly target: string
  readonly readonly: boolean
  readonly options?: readonly string[]
  /** What the step writes there is kept, also where nothing can be mounted. */
  readonly lasting?: boolean
}

export type StepNetworkMode =
  | { readonly kind: 'none' }
  | { readonly kind: 'host' }
  | { readonly kind: 'namespace'; readonly path: string }

/** Bytes, microseconds, counts; what the machine cannot enforce is left out. */
export interface StepLimits {
  readonly memory?: number
  readonly memorySwap?: number
  readonly cpuQuota?: number
  readonly cpuPeriod?: number
  readonly cpuShares?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly pids?: number
}

export interface StepUlimit {
  /** `nofile`. */
  readonly name: string
  /** Infinity is unlimited. */
  readonly soft: number
  readonly hard: number
}

/** A secret as a file of the step. */
export interface StepSecretFile {
  readonly target: string
  readonly content: Uint8Array
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** What a RUN step asks of the runtime: a part of what the runtime's `ProcessSpec` can say. */
export interface StepSpec {
  readonly rootfs: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly user: string
  readonly hostname: string
  readonly network: StepNetworkMode
  readonly mounts: readonly StepMount[]
  readonly privileged?: boolean
  readonly limits?: StepLimits
  readonly ulimits?: readonly StepUlimit[]
  /** Bytes. */
  readonly shmSize?: number
  readonly cgroupParent?: string
  readonly measured?: boolean
  /** The process gets the terminal of this one; nothing comes as output. */
  readonly tty?: boolean
  readonly consoleSize?: { readonly width: number; readonly height: number }
  /** Kept in memory only, and no longer than the step runs. */
  readonly secrets?: { readonly env: readonly string[]; readonly files: readonly StepSecretFile[] }
}

export interface StepIo {
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
  readonly stdin?: Readable
}

export interface StepExit {
  readonly exitCode: number
  readonly oomKilled: boolean
  /** Milliseconds of CPU time, when it was measured. */
  readonly cpu?: number
}

/** Lent by the engine: a part of `Runtime`. The whole process tree dies when the signal aborts. */
export interface StepRunner {
  run(id: string, spec: StepSpec, io: StepIo, options?: OpOptions): Promise<StepExit>
  /** `chroot`: without mounts and namespaces; everything that steps share must be given to one of them at a time. */
  isolation(): { readonly kind: 'oci' | 'chroot' }
  /** What this machine can do. */
  describe(): Promise<{ readonly unsupportedLimits: readonly string[] }>
  /** Ends and removes steps of builders that were killed. */
  removeLeftovers(): Promise<void>
}

/** A network that a step uses; disposing gives it back. */
export interface StepNetwork extends AsyncDisposable {
  readonly mode: StepNetworkMode
  /** Lines for /etc/hosts: the step's own address. */
  readonly hosts?: readonly string[]
  /** Address of this machine as the step reaches it. */
  readonly gateway?: string
}

/** Lent by the engine: private networks for steps (the default of `--network`). Without it steps share the host's. */
export interface StepNetworks {
  connect(id: string): Promise<StepNetwork>
}
