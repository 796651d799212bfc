import { readFileSync } from 'node:fs'

/** A process that cannot be confused with a later one of the same number, nor with one of an earlier boot. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from boot to its start (proc_pid_stat(5), field 22). */
  readonly started: string
  /** /proc/sys/kernel/random/boot_id. */
  readonly boot: string
}

let own: ProcessIdentity | undefined

export function currentProcess(): ProcessIdentity {
  own ??= { pid: process.pid, started: startTicks(process.pid) ?? '', boot: bootId() }
  return own
}

/** Undefined when there is no such process, or only a zombie. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const started = startTicks(pid)
  return started === undefined ? undefined : { pid, started, boot: bootId() }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}

/** False also for a zombie: it holds nothing any more. */
export function isRunning(identity: ProcessIdentity): boolean {
  if (identity.boot !== currentProcess().boot) return false
  return startTicks(identity.pid) === identity.started
}

function startTicks(pid: number): string | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${String(pid)}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // the name in parentheses may itself hold spaces and parentheses
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}
