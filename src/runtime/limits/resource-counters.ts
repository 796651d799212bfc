/** What a container's processes have used together. Counters begin at its start; bytes unless said otherwise. */
export interface ResourceUsage {
  /** Milliseconds since the epoch. */
  readonly readAt: number
  /** Nanoseconds; `system` is what all processors of the machine together were counted, idle ones too. */
  readonly cpu: {
    readonly total: number
    readonly user: number
    readonly kernel: number
    readonly system: number
    readonly online: number
  }
  /** `reclaimable`: file cache among `usage` that the kernel takes back at need. `stats`: the kernel's own names. */
  readonly memory: {
    readonly usage: number
    readonly limit: number
    readonly reclaimable: number
    readonly stats: Readonly<Record<string, number>>
  }
  /** By name; empty in the host's network. */
  readonly networks: Readonly<Record<string, InterfaceUsage>>
  readonly blockIo: { readonly read: number; readonly written: number }
  /** Limit 0: none. */
  readonly pids: { readonly current: number; readonly limit: number }
}

export interface InterfaceUsage {
  readonly received: TrafficCounters
  readonly sent: TrafficCounters
}

export interface TrafficCounters {
  readonly bytes: number
  readonly packets: number
  readonly errors: number
  readonly dropped: number
}
