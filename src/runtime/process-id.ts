import { readFileSync } from 'node:fs'

/** A process that cannot be confused with a later one of the same number. */
export interface ProcessId {
  readonly pid: number
  /** Clock ticks since boot at which it started (proc_pid_stat(5), field 22). */
  readonly startTicks: string
}

interface ProcStat {
  readonly state: string
  readonly startTicks: string
}

function readStat(pid: number): ProcStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // the name in parentheses may itself hold spaces and parentheses
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', startTicks: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

/** Undefined when there is no such process, or only a zombie. */
export function findProcess(pid: number): ProcessId | undefined {
  const stat = readStat(pid)
  return stat === undefined || stat.state === 'Z' || stat.state === 'X'
    ? undefined
    : { pid, startTicks: stat.startTicks }
}

export function isAlive(process: ProcessId): boolean {
  return findProcess(process.pid)?.startTicks === process.startTicks
}

/** Is it waiting in the kernel where no signal, not even KILL, reaches it? */
export function isUninterruptible(pid: number): boolean {
  return readStat(pid)?.state === 'D'
}
