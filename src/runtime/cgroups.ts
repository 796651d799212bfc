import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { cgroupsPathOf } from './bundle.ts'
import type { CgroupSupport } from './machine.ts'
import { readText } from '../util/read-text.ts'

export const cgroupTop = '/sys/fs/cgroup'

/** This process's own folders below the mounts of first-version controllers (crun goes below the mount, runc below these). */
function ownPaths(): ReadonlyMap<string, string> {
  const paths = new Map<string, string>()
  for (const line of readText('/proc/self/cgroup').split('\n')) {
    const [, names = '', ...path] = line.split(':')
    for (const name of names.split(',')) paths.set(name, path.join(':'))
  }
  return paths
}

/** Folders of the container's control groups that exist, by controller (`unified` for the second version). */
export function cgroupFolders(support: CgroupSupport, id: string): ReadonlyMap<string, string> {
  return foldersAt(support, cgroupsPathOf(id))
}

function foldersAt(support: CgroupSupport, path: string): ReadonlyMap<string, string> {
  const folders = new Map<string, string>()
  if (support.mode === 'v2') {
    if (existsSync(join(cgroupTop, path))) folders.set('unified', join(cgroupTop, path))
    return folders
  }
  if (support.mode === 'none') return folders
  const own = ownPaths()
  for (const name of readdirSync(cgroupTop)) {
    const candidates = [join(cgroupTop, name, path), join(cgroupTop, name, own.get(name) ?? '/', path)]
    const found = candidates.find((folder) => existsSync(folder))
    if (found !== undefined) folders.set(name, found)
  }
  return folders
}

/** Did the kernel kill a process of the container for memory? Known until the groups are removed. */
export function wasOutOfMemory(support: CgroupSupport, id: string): boolean {
  const folders = cgroupFolders(support, id)
  const counters = [
    join(folders.get('memory') ?? '', 'memory.oom_control'),
    join(folders.get('unified') ?? '', 'memory.events'),
  ]
  return counters.some((path) => {
    try {
      return /^oom_kill [1-9]/m.test(readText(path))
    } catch {
      return false
    }
  })
}

/** CPU time that processes in the group and below it have used, milliseconds; undefined where nobody counts. */
export function cpuTime(support: CgroupSupport, path: string): number | undefined {
  const folders = foldersAt(support, path)
  try {
    if (support.mode === 'v2') {
      const stat = readText(join(folders.get('unified') ?? '', 'cpu.stat'))
      const microseconds = /^usage_usec (\d+)$/m.exec(stat)?.[1]
      return microseconds === undefined ? undefined : Number(microseconds) / 1000
    }
    return Number(readText(join(folders.get('cpuacct') ?? '', 'cpuacct.usage'))) / 1e6
  } catch {
    return undefined
  }
}

/** Takes the container's empty control groups away; a group with live processes stays. */
export function removeCgroups(support: CgroupSupport, path: string): void {
  for (const folder of foldersAt(support, path).values()) removeFolder(folder)
}

function removeFolder(folder: string): void {
  if (tryRemove(folder)) return
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeFolder(join(folder, entry.name))
    }
  } catch {
    // gone: someone else was faster
  }
  tryRemove(folder)
}

/** False while something lives in the group or below it. */
function tryRemove(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return false
  }
}
