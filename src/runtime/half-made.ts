import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { killQuietly } from '../linux/kill-quietly.ts'
import { cgroupFolders } from './limits/cgroups.ts'
import { readPidFile, type ContainerFiles } from './container-files.ts'
import type { CgroupSupport } from './machine.ts'
import { readIfThere } from '../util/read-text.ts'

/** Milliseconds that killed processes may take to be gone. */
const grace = 10_000

/** Was `create` begun and not finished? Its process was killed then: monitor and runtime may still be at work. */
export function isHalfMade(files: ContainerFiles): boolean {
  return existsSync(files.bundle) && !existsSync(files.identity)
}

/**
 * Ends what a `create` that was cut short started. conmon detaches itself and goes on alone, so nothing but its command
 * line tells whose it is; the processes of the container are those of its control group, and the one that the runtime
 * named.
 */
export async function endHalfMade(cgroups: CgroupSupport, id: string, files: ContainerFiles): Promise<void> {
  const limit = performance.now() + grace
  for (;;) {
    const monitors = findMonitors(id)
    const processes = containerProcesses(cgroups, id, files)
    if (monitors.length === 0 && processes.length === 0) return
    // conmon leads a group with the runtime in it: first those, so that nothing new is made
    for (const pid of monitors) killQuietly(-pid)
    for (const pid of [...monitors, ...processes]) killQuietly(pid)
    if (performance.now() > limit) return
    await sleep(2)
  }
}

function findMonitors(id: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isMonitorOf(pid, id))
}

function isMonitorOf(pid: number, id: string): boolean {
  const words = readIfThere(`/proc/${pid}/cmdline`).split('\0')
  return words[0]?.endsWith('conmon') === true && words[words.indexOf('--cid') + 1] === id
}

function containerProcesses(cgroups: CgroupSupport, id: string, files: ContainerFiles): number[] {
  const found = new Set<number>()
  for (const folder of cgroupFolders(cgroups, id).values()) {
    for (const pid of readIfThere(join(folder, 'cgroup.procs')).split('\n'))
      if (pid !== '') found.add(Number(pid))
  }
  const named = readPidFile(files.pidFile)
  if (named !== undefined && readIfThere(`/proc/${named}/cgroup`).includes(`/mille/${id}\n`)) found.add(named)
  return [...found]
}
