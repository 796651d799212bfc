import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { killQuietly } from '../linux/kill-quietly.ts'
import { readIfThere } from '../util/read-text.ts'
import { cgroupsPathOf } from './bundle.ts'
import { removeCgroups } from './limits/cgroups.ts'
import type { CgroupSupport } from './machine.ts'

/** Milliseconds that killed processes may take to be gone. */
const grace = 10_000

/**
 * Ends what is left in the container's control groups after its first process. In a process namespace of its own the
 * kernel has done so already; in a shared one (`--pid host`) its children would run on.
 */
export async function endGroup(cgroups: CgroupSupport, id: string): Promise<void> {
  // an empty group, as most are, is removed in less time than it takes to look for members
  const folders = removeCgroups(cgroups, cgroupsPathOf(id))
  const limit = performance.now() + grace
  for (;;) {
    const left = folders.flatMap(members)
    if (left.length === 0 || performance.now() > limit) return
    for (const pid of left) killQuietly(pid)
    await sleep(2)
  }
}

/** Of a group and those below it, which a container with privileges can make. */
function members(folder: string): number[] {
  if (!existsSync(folder)) return []
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [
    ...readIfThere(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number),
    ...below.flatMap(({ name }) => members(join(folder, name))),
  ]
}
