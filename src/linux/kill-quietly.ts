/**
 * SIGKILL to a process, or to a group (`-pid`, kill(2)); nothing happens when it has ended. Numbers that mean init, the
 * caller's own group or every process of the machine are left alone: they come of a pid file that holds no process.
 */
export function killQuietly(pid: number): void {
  if (!(Math.abs(pid) > 1)) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it ended by itself
  }
}
