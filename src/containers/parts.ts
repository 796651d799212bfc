import type { ContainerConfig } from '../oci/config.ts'
import type { BridgeNetwork, Runtime } from '../runtime/runtime.ts'
import type { LogOptions, LogLine } from './containers.ts'
import type { Store } from '../store/store.ts'

/** What the engine hands to `containers`. The bridge is made at its first use only. */
export interface ContainerParts {
  readonly store: Store
  /** For what a reboot ends anyway; not on the store's disk, which may be full. */
  readonly stateFolder: string
  readonly runtime: Runtime
  readonly bridge: () => Promise<BridgeNetwork>
  /** One line for the user. */
  readonly warn?: ((message: string) => void) | undefined
  /** Reads the monitor's log as lines. */
  readonly readLog: (path: string, options: LogOptions & LogEnd) => AsyncIterable<LogLine>
  /** argv of a mille on this store with these words: for what goes on when this process is gone. */
  readonly command: (words: readonly string[]) => readonly string[]
  /** Applies Dockerfile instructions (`commit -c`) to a config; lent by the builder. */
  readonly applyChanges: (config: ContainerConfig, changes: readonly string[]) => Promise<ContainerConfig>
}

/** When following stops: asked at the end of the log, and again when the folder changes. */
export interface LogEnd {
  readonly isEnded: () => boolean
  readonly endFolder?: string
}
