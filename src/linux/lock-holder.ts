import { readFileSync, statSync } from 'node:fs'

/** The process that locks a file (fcntl), or a part of it; undefined when none is known. Source: proc_locks(5). */
export function lockHolder(path: string): number | undefined {
  const inode = statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
  for (const line of readFileSync('/proc/locks', 'latin1').split('\n')) {
    // `1: POSIX  ADVISORY  WRITE 3548 08:01:1234 0 EOF`; the device is not that of stat(2) on every file system
    const [, pid, locked] = /^\d+: POSIX +\S+ +WRITE (\d+) \S+:(\d+) /.exec(line) ?? []
    if (pid !== undefined && locked === String(inode)) return Number(pid)
  }
  return undefined
}
