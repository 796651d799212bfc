import { close, existsSync, openSync, readdirSync, rmdirSync, write } from 'node:fs'
import { join } from 'node:path'
import { cgroupsPathOf } from '../bundle.ts'
import type { CgroupSupport } from '../machine.ts'
import { readIfThere, readText } from '../../util/read-text.ts'

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

/** The one below one controller, when it exists. */
export function cgroupFolder(support: CgroupSupport, id: string, controller: string): string | undefined {
  return folderAt(support, cgroupsPathOf(id), controller)
}

function foldersAt(support: CgroupSupport, path: string): ReadonlyMap<string, string> {
  if (support.mode === 'none') return new Map()
  const names = support.mode === 'v2' ? ['unified'] : readdirSync(cgroupTop)
  const own = ownPaths()
  const found = names.map((name) => [name, folderAt(support, path, name, own)] as const)
  return new Map(found.filter((pair): pair is readonly [string, string] => pair[1] !== undefined))
}

/** The group's folder below one controller; undefined when there is none. */
function folderAt(
  { mode }: CgroupSupport,
  path: string,
  name: string,
  own?: ReadonlyMap<string, string>,
): string | undefined {
  if (mode === 'none') return undefined
  const first = mode === 'v2' ? `${cgroupTop}${path}` : `${cgroupTop}/${name}${path}`
  if (existsSync(first)) return first
  if (mode === 'v2') return undefined
  const second = join(cgroupTop, name, (own ?? ownPaths()).get(name) ?? '/', path)
  return existsSync(second) ? second : undefined
}

/**
 * The first process that enters a control group after a quiet time waits until all processors have passed through the
 * kernel's scheduler, 5 to 15 ms; those of the next moments do not. Called somewhat before a runtime is, this lets a thread
 * aside do the waiting: it moves this process to where it is.
 */
export function expectEntry(support: CgroupSupport): void {
  const [name] = support.mode === 'v2' ? [''] : support.controllers
  if (name === undefined) return
  try {
    const processes = openSync(join(cgroupTop, name, ownPaths().get(name) ?? '/', 'cgroup.procs'), 'w')
    write(processes, '0', () => close(processes))
  } catch {
    // not ours to write, or not to be seen in this namespace: then the runtime waits
  }
}

/** Did the kernel kill a process of the container for memory? Known until the groups are removed. */
export function wasOutOfMemory(support: CgroupSupport, id: string): boolean {
  const [name, counter] =
    support.mode === 'v2' ? ['unified', 'memory.events'] : ['memory', 'memory.oom_control']
  const folder = folderAt(support, cgroupsPathOf(id), name)
  return folder !== undefined && /^oom_kill [1-9]/m.test(readIfThere(`${folder}/${counter}`))
}

/** CPU time that processes in the group and below it have used, milliseconds; undefined where nobody counts. */
export function cpuTime(support: CgroupSupport, path: string): number | undefined {
  const [name, counter] = support.mode === 'v2' ? ['unified', 'cpu.stat'] : ['cpuacct', 'cpuacct.usage']
  const folder = folderAt(support, path, name)
  const text = folder === undefined ? '' : readIfThere(`${folder}/${counter}`)
  if (support.mode !== 'v2') return text === '' ? undefined : Number(text) / 1e6
  const microseconds = /^usage_usec (\d+)$/m.exec(text)?.[1]
  return microseconds === undefined ? undefined : Number(microseconds) / 1000
}

/** Takes the container's empty control groups away; a group with live processes stays. Returns the folders of those. */
export function removeCgroups(support: CgroupSupport, path: string): readonly string[] {
  return [...foldersAt(support, path).values()].filter((folder) => !removeFolder(folder))
}

function removeFolder(folder: string): boolean {
  if (tryRemove(folder)) return true
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeFolder(join(folder, entry.name))
    }
  } catch {
    // gone: someone else was faster
  }
  return tryRemove(folder)
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
