import { readFileSync } from 'node:fs'

/** Does it wait in the kernel where no signal, not even KILL, reaches it? (State D of proc_pid_stat(5).) */
export function isUninterruptible(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // the name in parentheses may itself hold spaces and parentheses
    return text[text.lastIndexOf(')') + 2] === 'D'
  } catch {
    return false
  }
}
