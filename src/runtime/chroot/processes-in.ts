import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { killQuietly } from '../../linux/kill-quietly.ts'

/** Milliseconds between looks, and for processes to be gone. */
const pause = 2
const patience = 10_000

/**
 * Ends what has its root folder at `rootfs` or below, as far as this process may see it: another user's processes hide theirs
 * where CAP_SYS_PTRACE is missing. For steps whose keeper was killed. Source: proc_pid_root(5).
 */
export async function endProcessesIn(rootfs: string): Promise<void> {
  for (const limit = performance.now() + patience; performance.now() < limit; await sleep(pause)) {
    const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isIn(name, rootfs))
    if (found.length === 0) return
    for (const pid of found) killQuietly(Number(pid))
  }
}

function isIn(pid: string, rootfs: string): boolean {
  try {
    const root = readlinkSync(`/proc/${pid}/root`)
    return root === rootfs || root.startsWith(`${rootfs}/`)
  } catch {
    return false
  }
}
