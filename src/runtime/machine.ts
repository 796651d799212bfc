import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { ResourceLimits, RuntimeInfo } from './runtime.ts'
import { readIfThere } from '../util/read-text.ts'

const CGROUP_MAGIC = 0x27e0eb
const CGROUP2_MAGIC = 0x63677270
const TMPFS_MAGIC = 0x01021994

export type CgroupMode = RuntimeInfo['cgroups']

/** Where the kernel's control groups are mounted and what they can limit. */
export interface CgroupSupport {
  readonly mode: CgroupMode
  /** The second version is mounted beside the first, whoever may use them. */
  readonly isHybrid: boolean
  /** At `/sys/fs/cgroup` lies what cgroups(7) says. */
  readonly isMounted: boolean
  readonly controllers: ReadonlySet<string>
}

function filesystemType(path: string): number {
  try {
    return statfsSync(path).type
  } catch {
    return 0
  }
}

/** Not for an ordinary user, nor in a container that sees them read-only: then there are none for us. */
function isWritable(path: string): boolean {
  return mayAccess(path, constants.W_OK)
}

function mayAccess(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** Looks at `/sys/fs/cgroup` as cgroups(7) describes its forms. */
export function findCgroups(): CgroupSupport {
  const top = '/sys/fs/cgroup'
  if (filesystemType(top) === CGROUP2_MAGIC) {
    if (!isWritable(top)) return { mode: 'none', isHybrid: false, isMounted: true, controllers: new Set() }
    return {
      mode: 'v2',
      isHybrid: false,
      isMounted: true,
      controllers: new Set(readIfThere(`${top}/cgroup.controllers`).split(/\s+/).filter(Boolean)),
    }
  }
  const controllers = new Set(
    ['memory', 'cpu', 'cpuset', 'pids', 'devices', 'freezer', 'blkio'].filter(
      (name) => filesystemType(`${top}/${name}`) === CGROUP_MAGIC && isWritable(`${top}/${name}`),
    ),
  )
  const isHybrid = filesystemType(`${top}/unified`) === CGROUP2_MAGIC
  const isMounted = filesystemType(top) === TMPFS_MAGIC
  if (!isMounted || controllers.size === 0)
    return { mode: 'none', isHybrid, isMounted, controllers: new Set() }
  return { mode: isHybrid ? 'hybrid' : 'v1', isHybrid, isMounted, controllers }
}

/** The controller that each limit needs. */
export const limitControllers: Readonly<Record<keyof ResourceLimits, string>> = {
  memory: 'memory',
  memorySwap: 'memory',
  memoryReservation: 'memory',
  memorySwappiness: 'memory',
  cpuQuota: 'cpu',
  cpuPeriod: 'cpu',
  cpuShares: 'cpu',
  cpusetCpus: 'cpuset',
  cpusetMems: 'cpuset',
  pids: 'pids',
}

/** Can the machine's control groups enforce this limit? Swap needs swap accounting besides the memory controller. */
export function canLimit(support: CgroupSupport, name: keyof ResourceLimits): boolean {
  if (!support.controllers.has(limitControllers[name])) return false
  if (name === 'memorySwappiness') return support.mode !== 'v2'
  if (name !== 'memorySwap') return true
  return (
    support.mode === 'v2' ||
    filesystemType('/sys/fs/cgroup/memory') === 0 ||
    readIfThere('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes') !== ''
  )
}

/** Reads and writes of block devices: `blkio`, by its newer name `io`. */
export function canLimitBlockIo({ controllers }: CgroupSupport): boolean {
  return controllers.has('blkio') || controllers.has('io')
}

export function unsupportedLimits(support: CgroupSupport): string[] {
  const names = Object.keys(limitControllers) as (keyof ResourceLimits)[]
  return [
    ...names.filter((name) => !canLimit(support, name)),
    ...(canLimitBlockIo(support) ? [] : ['blockIo']),
  ]
}

/** Absolute path of an executable on PATH or in the folders of system programs; undefined when there is none. */
export function findProgram(name: string): string | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/bin',
    '/bin',
  ]
  return (
    folders
      .filter((folder) => folder.startsWith('/'))
      .map((folder) => join(folder, name))
      // most folders hold no such file: an error object for each costs more than the look
      .find((path) => existsSync(path) && mayAccess(path, constants.X_OK))
  )
}
