/** What a container may use of the machine; absent is unlimited. Bytes and counts. */
export interface LimitRequest {
  readonly memory?: number
  /** Memory and swap together; -1 is unlimited swap. */
  readonly memorySwap?: number
  /** Bytes that it is taken down to first when the machine runs short. */
  readonly memoryReservation?: number
  /** 0 to 100; absent: as the machine has it. */
  readonly memorySwappiness?: number
  readonly cpus?: number
  /** Microseconds: of CPU time `cpuQuota` in every `cpuPeriod`; what `cpus` says otherwise. */
  readonly cpuPeriod?: number
  readonly cpuQuota?: number
  readonly cpuShares?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly pidsLimit?: number
}
