import type { ContainerDetails } from '../../containers/containers.ts'
import type { InterfaceUsage, ResourceUsage } from '../../runtime/limits/resource-counters.ts'
import { zeroTime } from './wire-time.ts'

type Wire = Readonly<Record<string, unknown>>

/** One look at a container, with the one before it: Docker's `stats`. Both are absent while it does not run. */
export function toContainerStats(
  { id, name }: Pick<ContainerDetails, 'id' | 'name'>,
  now: ResourceUsage | undefined,
  before: ResourceUsage | undefined,
): Wire {
  return {
    name: `/${name}`,
    id,
    read: timeOf(now),
    preread: timeOf(before),
    pids_stats: now === undefined ? {} : toPids(now),
    blkio_stats: toBlockIo(now),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: toCpu(now),
    precpu_stats: toCpu(before),
    memory_stats: now === undefined ? {} : toMemory(now),
    ...(now !== undefined && { networks: toNetworks(now.networks) }),
  }
}

function timeOf(usage: ResourceUsage | undefined): string {
  return usage === undefined ? zeroTime : new Date(usage.readAt).toISOString()
}

function toPids({ pids }: ResourceUsage): Wire {
  return { current: pids.current, ...(pids.limit > 0 && { limit: pids.limit }) }
}

function toCpu(usage: ResourceUsage | undefined): Wire {
  const cpu = usage?.cpu
  return {
    cpu_usage: {
      total_usage: cpu?.total ?? 0,
      usage_in_kernelmode: cpu?.kernel ?? 0,
      usage_in_usermode: cpu?.user ?? 0,
    },
    ...(cpu !== undefined && { system_cpu_usage: cpu.system, online_cpus: cpu.online }),
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  }
}

/** Clients take `inactive_file` off the usage, as the kernel takes it back at need. */
function toMemory({ memory }: ResourceUsage): Wire {
  return {
    usage: memory.usage,
    stats: { ...memory.stats, inactive_file: memory.reclaimable, total_inactive_file: memory.reclaimable },
    limit: memory.limit,
  }
}

function toBlockIo(usage: ResourceUsage | undefined): Wire {
  const bytes =
    usage === undefined
      ? null
      : [
          { major: 0, minor: 0, op: 'read', value: usage.blockIo.read },
          { major: 0, minor: 0, op: 'write', value: usage.blockIo.written },
        ]
  return {
    io_service_bytes_recursive: bytes,
    io_serviced_recursive: null,
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  }
}

function toNetworks(networks: Readonly<Record<string, InterfaceUsage>>): Wire {
  return Object.fromEntries(
    Object.entries(networks).map(([name, { received, sent }]) => [
      name,
      {
        rx_bytes: received.bytes,
        rx_packets: received.packets,
        rx_errors: received.errors,
        rx_dropped: received.dropped,
        tx_bytes: sent.bytes,
        tx_packets: sent.packets,
        tx_errors: sent.errors,
        tx_dropped: sent.dropped,
      },
    ]),
  )
}
