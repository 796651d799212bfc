import type { ResourceLimits } from '../runtime.ts'

/** A file of a control group and what to write into it. */
export interface Setting {
  readonly controller: string
  readonly file: string
  readonly value: string
}

/** Source: the kernel's admin-guide/cgroup-v1. */
export function firstVersionSettings(limits: ResourceLimits): Setting[] {
  return given([
    ['memory', 'memory.limit_in_bytes', limits.memory],
    ['memory', 'memory.memsw.limit_in_bytes', limits.memorySwap],
    ['memory', 'memory.soft_limit_in_bytes', limits.memoryReservation],
    ['cpu', 'cpu.cfs_period_us', limits.cpuPeriod],
    ['cpu', 'cpu.cfs_quota_us', limits.cpuQuota],
    ['cpu', 'cpu.shares', limits.cpuShares],
    ['cpuset', 'cpuset.cpus', limits.cpusetCpus],
    ['cpuset', 'cpuset.mems', limits.cpusetMems],
    ['pids', 'pids.max', unlimitedAs('max', limits.pids)],
  ])
}

/** Source: the kernel's admin-guide/cgroup-v2. */
export function unifiedSettings(limits: ResourceLimits): Setting[] {
  const { memory, memorySwap, cpuQuota, cpuPeriod, cpuShares } = limits
  // the second version counts swap alone
  const swap = memorySwap === undefined || memorySwap < 0 ? memorySwap : memorySwap - (memory ?? 0)
  return given([
    ['memory', 'memory.max', unlimitedAs('max', memory)],
    ['memory', 'memory.swap.max', unlimitedAs('max', swap)],
    ['memory', 'memory.low', limits.memoryReservation],
    [
      'cpu',
      'cpu.max',
      cpuQuota === undefined ? undefined : `${unlimitedAs('max', cpuQuota)} ${cpuPeriod ?? 100_000}`,
    ],
    ['cpu', 'cpu.weight', cpuShares === undefined ? undefined : weightOfShares(cpuShares)],
    ['cpuset', 'cpuset.cpus', limits.cpusetCpus],
    ['cpuset', 'cpuset.mems', limits.cpusetMems],
    ['pids', 'pids.max', unlimitedAs('max', limits.pids)],
  ])
}

function given(rows: readonly (readonly [string, string, number | string | undefined])[]): Setting[] {
  return rows.flatMap(([controller, file, value]) =>
    value === undefined ? [] : [{ controller, file, value: String(value) }],
  )
}

function unlimitedAs(word: string, limit: number | undefined): number | string | undefined {
  return limit !== undefined && limit < 0 ? word : limit
}

/** 2 to 262144 shares are 1 to 10000 of weight: the OCI runtimes' rule. */
function weightOfShares(shares: number): number {
  return Math.trunc(1 + ((Math.max(shares, 2) - 2) * 9999) / 262142)
}
