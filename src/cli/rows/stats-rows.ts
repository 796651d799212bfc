import type { ResourceUsage } from '../../runtime/limits/resource-counters.ts'
import { humanMemory, humanSize } from '../../util/human-size.ts'
import type { RowFields } from '../format/print-rows.ts'

export const statsHeaders = {
  Container: 'CONTAINER',
  ID: 'CONTAINER ID',
  Name: 'NAME',
  CPUPerc: 'CPU %',
  MemUsage: 'MEM USAGE / LIMIT',
  MemPerc: 'MEM %',
  NetIO: 'NET I/O',
  BlockIO: 'BLOCK I/O',
  PIDs: 'PIDS',
}

/** Two looks at one container; none while it does not run. */
export interface UsageChange {
  readonly before: ResourceUsage | undefined
  readonly now: ResourceUsage | undefined
}

export function statsRow(
  container: { readonly id: string; readonly name: string; readonly asked: string },
  usage: UsageChange,
  noTrunc: boolean,
): RowFields {
  const { now } = usage
  const traffic = Object.values(now?.networks ?? {})
  const sum = (way: 'received' | 'sent'): number =>
    traffic.reduce((total, counters) => total + counters[way].bytes, 0)
  const memory = now === undefined ? 0 : Math.max(now.memory.usage - now.memory.reclaimable, 0)
  const limit = now?.memory.limit ?? 0
  return {
    BlockIO: pair(now?.blockIo.read ?? 0, now?.blockIo.written ?? 0),
    CPUPerc: percent(cpuShare(usage)),
    Container: container.asked,
    ID: noTrunc ? container.id : container.id.slice(0, 12),
    MemPerc: percent(limit === 0 ? 0 : memory / limit),
    MemUsage: `${humanMemory(memory)} / ${humanMemory(limit)}`,
    Name: container.name,
    NetIO: pair(sum('received'), sum('sent')),
    PIDs: String(now?.pids.current ?? 0),
  }
}

/** Of one processor: 2 is two of them fully used. By the clock, as the machine's own counter ticks in hundredths only. */
function cpuShare({ before, now }: UsageChange): number {
  if (before === undefined || now === undefined) return 0
  const elapsed = (now.readAt - before.readAt) * 1e6
  const used = now.cpu.total - before.cpu.total
  return elapsed > 0 && used > 0 ? used / elapsed : 0
}

function pair(first: number, second: number): string {
  return `${humanSize(first, 3)} / ${humanSize(second, 3)}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`
}
