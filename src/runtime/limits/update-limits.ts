import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { failure, messageOf } from '../../util/errors.ts'
import { readIfThere } from '../../util/read-text.ts'
import { cgroupsPathOf } from '../bundle.ts'
import { cgroupFolders, cgroupTop } from './cgroups.ts'
import { getRunning } from '../container-files.ts'
import type { RuntimeSeat } from '../containers.ts'
import { firstVersionSettings, unifiedSettings } from './limit-settings.ts'
import { canLimit, limitControllers } from '../machine.ts'
import type { ContainerHandle, ResourceLimits } from '../runtime.ts'

/**
 * New limits for a container that runs; absent ones stay. Written to the kernel without the runtime: crun knows no
 * group that it did not make, and a container has none of controllers that limited nothing at its start.
 * Errors: CONTAINER_NOT_RUNNING, LIMITS_REFUSED.
 */
export function updateLimits(seat: RuntimeSeat, handle: ContainerHandle, limits: ResourceLimits): void {
  getRunning(handle)
  const { cgroups } = seat.program
  const usable = Object.fromEntries(
    Object.entries(limits).filter(([name]) => canLimit(cgroups, name as keyof ResourceLimits)),
  ) as ResourceLimits
  const settings = cgroups.mode === 'v2' ? unifiedSettings(usable) : firstVersionSettings(usable)
  const folders = cgroupFolders(cgroups, handle.id)
  const folderOf = (controller: string): string => {
    if (cgroups.mode === 'v2') return folders.get('unified') ?? ''
    return folders.get(controller) ?? joinController(controller, handle.id, folders)
  }
  try {
    applyInSomeOrder(
      settings.map(({ controller, file, value }) => ({ path: join(folderOf(controller), file), value })),
    )
  } catch (error) {
    throw failure('LIMITS_REFUSED', { id: handle.id, reason: messageOf(error) }, { cause: error })
  }
}

/**
 * The kernel wants memory never above memory and swap together: which one is written first depends on whether they grow.
 * What it refuses is tried again after the others.
 */
function applyInSomeOrder(settings: readonly { readonly path: string; readonly value: string }[]): void {
  const refused = settings.filter(({ path, value }) => {
    try {
      writeFileSync(path, value)
      return false
    } catch {
      return true
    }
  })
  for (const { path, value } of refused) writeFileSync(path, value)
}

/** Makes the container's group of a controller that it had none of, and puts its processes into it. */
function joinController(controller: string, id: string, folders: ReadonlyMap<string, string>): string {
  const folder = join(cgroupTop, controller, cgroupsPathOf(id))
  mkdirSync(folder, { recursive: true })
  if (controller === limitControllers.cpusetCpus) inheritSets(folder)
  const member = folders.get('pids') ?? folders.get('memory') ?? [...folders.values()][0] ?? ''
  // a process that forks meanwhile leaves its child outside: another look finds it
  for (let moved = -1; moved !== 0;) {
    const inside = new Set(members(folder))
    const outside = members(member).filter((pid) => !inside.has(pid))
    for (const pid of outside) moveProcess(folder, pid)
    moved = outside.length
  }
  return folder
}

/** Without processors and memory nodes no process may enter; a new group has none of them. */
function inheritSets(folder: string): void {
  const parent = dirname(folder)
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const given = readIfThere(join(parent, file)).trim() || readIfThere(join(dirname(parent), file)).trim()
    for (const path of [parent, folder]) {
      if (readIfThere(join(path, file)).trim() === '') writeFileSync(join(path, file), given)
    }
  }
}

function members(folder: string): string[] {
  return readIfThere(join(folder, 'cgroup.procs')).split('\n').filter(Boolean)
}

function moveProcess(folder: string, pid: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.procs'), pid)
  } catch (error) {
    // it ended meanwhile
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
