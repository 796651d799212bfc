import type { ContainerConfig } from '../oci/config.ts'
import type { BridgeNetwork, Runtime, UserBridge } from '../runtime/runtime.ts'
import type { LogOptions, LogLine } from './containers.ts'
import type { BridgeSettings } from './network/bridge-settings.ts'
import type { Store } from '../store/store.ts'

/** What the engine hands to `containers`. The bridge is made at its first use only. */
export interface ContainerParts {
  readonly store: Store
  /** For what a reboot ends anyway; not on the store's disk, which may be full. */
  readonly stateFolder: string
  readonly runtime: Runtime
  readonly bridge: () => Promise<BridgeNetwork>
  /** ROOTLESS_NETWORK for an ordinary user. */
  readonly userBridge: (plan: BridgePlan) => Promise<UserBridge>
  /** One line for the user. */
  readonly warn?: ((message: string) => void) | undefined
  /** Reads the monitor's log as lines. */
  readonly readLog: (path: string, options: LogOptions & LogEnd) => AsyncIterable<LogLine>
  /** argv of a mille on this store with these words: for what goes on when this process is gone. */
  readonly command: (words: readonly string[]) => readonly string[]
  /** Applies Dockerfile instructions (`commit -c`) to a config; lent by the builder. */
  readonly applyChanges: (config: ContainerConfig, changes: readonly string[]) => Promise<ContainerConfig>
}

/** The bridge of a user's network. Subnets as `10.1.0.0/16`. */
export interface BridgePlan extends BridgeSettings {
  /** 64 hex digits. */
  readonly id: string
  readonly internal: boolean
  /** Absent: a free one, but none of `avoid`. */
  readonly subnet?: string
  readonly avoid: readonly string[]
  readonly gateway?: string
  readonly range?: string
  /** Absent: none. */
  readonly ipv6?: { readonly subnet?: string; readonly gateway?: string; readonly range?: string }
  /** Addresses that no member is given. */
  readonly reserved: readonly string[]
}

/** When following stops: asked at the end of the log, and again when the folder changes. */
export interface LogEnd {
  readonly isEnded: () => boolean
  readonly endFolder?: string
}
