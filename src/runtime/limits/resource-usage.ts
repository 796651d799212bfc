import { readlinkSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { readIfThere } from '../../util/read-text.ts'
import { cgroupFolders } from './cgroups.ts'
import { getRunning } from '../container-files.ts'
import type { RuntimeSeat } from '../containers.ts'
import type { InterfaceUsage, ResourceUsage } from './resource-counters.ts'
import type { ContainerHandle } from '../runtime.ts'

type Folders = ReadonlyMap<string, string>

/** What the kernel has counted so far for all processes of a container. Errors: CONTAINER_NOT_RUNNING. */
export function resourceUsage(seat: RuntimeSeat, handle: ContainerHandle): ResourceUsage {
  const { pid } = getRunning(handle).process
  const { cgroups } = seat.program
  const folders = cgroupFolders(cgroups, handle.id)
  const counted = cgroups.mode === 'v2' ? unifiedUsage(folders) : firstVersionUsage(folders)
  return {
    readAt: Date.now(),
    ...counted,
    cpu: { ...counted.cpu, system: hostCpu(), online: availableParallelism() },
    networks: interfaces(pid),
  }
}

export type Counted = Pick<ResourceUsage, 'memory' | 'blockIo' | 'pids'> & {
  readonly cpu: Omit<ResourceUsage['cpu'], 'system' | 'online'>
}

/** Source: the kernel's admin-guide/cgroup-v1, cpuacct, memory, pids and blkio. */
function firstVersionUsage(folders: Folders): Counted {
  const read = (controller: string, file: string): string => readIn(folders.get(controller), file)
  const stat = flatKeys(read('memory', 'memory.stat'))
  const ticks = flatKeys(read('cpuacct', 'cpuacct.stat'))
  return {
    cpu: {
      total: number(read('cpuacct', 'cpuacct.usage')),
      user: (ticks['user'] ?? 0) * nanosPerTick,
      kernel: (ticks['system'] ?? 0) * nanosPerTick,
    },
    memory: {
      usage: number(read('memory', 'memory.usage_in_bytes')),
      limit: limited(number(read('memory', 'memory.limit_in_bytes'))),
      stats: stat,
      reclaimable: stat['total_inactive_file'] ?? 0,
    },
    blockIo: {
      read: blkioSum(read('blkio', 'blkio.throttle.io_service_bytes'), 'Read'),
      written: blkioSum(read('blkio', 'blkio.throttle.io_service_bytes'), 'Write'),
    },
    pids: {
      current: number(read('pids', 'pids.current')),
      limit: number(read('pids', 'pids.max')),
    },
  }
}

/** Source: the kernel's admin-guide/cgroup-v2. */
export function unifiedUsage(folders: Folders): Counted {
  const read = (file: string): string => readIn(folders.get('unified'), file)
  const cpu = flatKeys(read('cpu.stat'))
  const stat = flatKeys(read('memory.stat'))
  const devices = [...read('io.stat').matchAll(/\b([rw])bytes=(\d+)/g)]
  const ioSum = (way: string): number =>
    devices.reduce((sum, [, name, bytes]) => sum + (name === way ? Number(bytes) : 0), 0)
  return {
    cpu: {
      total: (cpu['usage_usec'] ?? 0) * 1000,
      user: (cpu['user_usec'] ?? 0) * 1000,
      kernel: (cpu['system_usec'] ?? 0) * 1000,
    },
    memory: {
      usage: number(read('memory.current')),
      limit: limited(number(read('memory.max'))),
      stats: stat,
      reclaimable: stat['inactive_file'] ?? 0,
    },
    blockIo: { read: ioSum('r'), written: ioSum('w') },
    pids: { current: number(read('pids.current')), limit: number(read('pids.max')) },
  }
}

function readIn(folder: string | undefined, file: string): string {
  return folder === undefined ? '' : readIfThere(join(folder, file))
}

/** 0 where nobody counts, and for `max`. */
function number(text: string): number {
  const value = Number.parseInt(text, 10)
  return Number.isNaN(value) ? 0 : value
}

/** No limit is 0 or a number beyond all memory: then the machine's memory is the limit. */
function limited(limit: number): number {
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/** `name number` lines. */
function flatKeys(text: string): Record<string, number> {
  return Object.fromEntries(
    [...text.matchAll(/^(\w+) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  )
}

function blkioSum(text: string, operation: string): number {
  return [...text.matchAll(/^\d+:\d+ (\w+) (\d+)$/gm)].reduce(
    (sum, [, name, bytes]) => sum + (name === operation ? Number(bytes) : 0),
    0,
  )
}

/** USER_HZ, which the kernel's interface fixes at 100 on every architecture that mille runs on. */
const nanosPerTick = 1e7

/** Nanoseconds that all processors together have been counted, idle ones too: proc_stat(5), without guest times, which are part of user's. */
function hostCpu(): number {
  const [line = ''] = readIfThere('/proc/stat').split('\n', 1)
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number)
  return ticks.reduce((sum, tick) => sum + tick, 0) * nanosPerTick
}

/** Counters of the process's network, proc_pid_net(5); none when it is the host's, as those say nothing of it. */
function interfaces(pid: number): Readonly<Record<string, InterfaceUsage>> {
  if (networkOf(String(pid)) === networkOf('self')) return {}
  const found: Record<string, InterfaceUsage> = {}
  for (const line of readIfThere(`/proc/${pid}/net/dev`).split('\n').slice(2)) {
    const [name = '', counters = ''] = line.split(':')
    const field = counters.trim().split(/\s+/).map(Number)
    const of = (first: number): InterfaceUsage['received'] => ({
      bytes: field[first] ?? 0,
      packets: field[first + 1] ?? 0,
      errors: field[first + 2] ?? 0,
      dropped: field[first + 3] ?? 0,
    })
    if (name.trim() !== '' && name.trim() !== 'lo') found[name.trim()] = { received: of(0), sent: of(8) }
  }
  return found
}

function networkOf(process: string): string {
  try {
    return readlinkSync(`/proc/${process}/ns/net`)
  } catch {
    return ''
  }
}
