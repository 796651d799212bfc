import type { DiffId } from './digest.ts'

/** Docker's extension of the OCI config; durations in nanoseconds. `Test: ['NONE']` disables an inherited check. */
export interface Healthcheck {
  readonly Test?: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

/** What a container of the image runs by default. Source: OCI image-spec 1.1, config.md, plus Docker's Healthcheck, OnBuild, Shell. */
export interface ContainerConfig {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly Healthcheck?: Healthcheck
  readonly OnBuild?: readonly string[]
  readonly Shell?: readonly string[]
  readonly ArgsEscaped?: boolean
}

/** One row of `history`, oldest first in the config. `created` is RFC 3339. */
export interface HistoryEntry {
  readonly created?: string
  readonly created_by?: string
  readonly author?: string
  readonly comment?: string
  /** True for rows without a layer (ENV, CMD, …). */
  readonly empty_layer?: boolean
}

/** The image config: its digest is the image ID. Source: OCI image-spec 1.1, config.md. */
export interface ImageConfig {
  readonly created?: string
  readonly author?: string
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly config?: ContainerConfig
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly DiffId[] }
  readonly history?: readonly HistoryEntry[]
}
