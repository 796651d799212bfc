import type { OpOptions } from '../util/progress.ts'

/** A bind mount inside the step's container; `source` is a host path. */
export interface StepMount {
  readonly type: 'bind' | 'tmpfs'
  readonly source?: string
  readonly target: string
  readonly readonly: boolean
  readonly options?: readonly string[]
}

export type StepNetworkMode =
  | { readonly kind: 'none' }
  | { readonly kind: 'host' }
  | { readonly kind: 'namespace'; readonly path: string }

export interface StepLimits {
  readonly memory?: number
  readonly pids?: number
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
  readonly limits?: StepLimits
}

export interface StepIo {
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
}

export interface StepExit {
  readonly exitCode: number
  readonly oomKilled: boolean
}

/** Lent by the engine: `Runtime.run`. The whole process tree dies when the signal aborts. */
export interface StepRunner {
  run(id: string, spec: StepSpec, io: StepIo, options?: OpOptions): Promise<StepExit>
}

/** A network that a step uses; disposing gives it back. */
export interface StepNetwork extends AsyncDisposable {
  readonly mode: StepNetworkMode
  /** Lines for /etc/hosts: the step's own address. */
  readonly hosts?: readonly string[]
}

/** Lent by the engine: private networks for steps (the default of `--network`). Without it steps share the host's. */
export interface StepNetworks {
  connect(id: string): Promise<StepNetwork>
}
