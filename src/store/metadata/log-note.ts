import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tryFlock } from '../../linux/flock.ts'
import { failure } from '../../util/errors.ts'

/** Milliseconds between two looks at a lock that is held for a few of them. */
const pause = 1

/** Says that the last changes are in the log, so that a store whose log was deleted is not taken for one without them. */
function notePath(root: string): string {
  return join(root, 'mille.db-log')
}

function logPath(root: string): string {
  return join(root, 'mille.db-wal')
}

/** For who leaves its connection to the kernel: the log stays. */
export function noteLog(root: string): void {
  if (existsSync(notePath(root)) || !existsSync(logPath(root))) return
  try {
    writeFileSync(notePath(root), '', { mode: 0o600 })
  } catch {
    // a full disk: only the warning is missing then
  }
}

/**
 * Closes a connection; the last one of all processes takes the log away. One after the other: who saw the log of a process
 * that was just closing noted one that is gone, and the next to open took a whole store for a damaged one.
 */
export function closeNoted(root: string, close: () => void): void {
  using _ = lockFolder(root)
  // taken away before the log may be: a kill between the two must not make a whole store look damaged
  rmSync(notePath(root), { force: true })
  close()
  if (existsSync(logPath(root))) noteLog(root)
  else rmSync(notePath(root), { force: true })
}

/** Going on would show an older state, and the next collection delete what it does not know (B-ST-9): STORE_DAMAGED. */
export function refuseMissingLog(root: string): void {
  if (!isLogMissing(root)) return
  // somebody may be closing
  using _ = lockFolder(root)
  if (!isLogMissing(root)) return
  const reason = `mille.db-wal is missing, and the last changes were in it; put it back, or remove ${notePath(root)} to go on without them`
  throw failure('STORE_DAMAGED', { root, reason })
}

function isLogMissing(root: string): boolean {
  return existsSync(notePath(root)) && !existsSync(logPath(root))
}

/** The folder itself is locked: also one in which nothing can be written. */
function lockFolder(root: string): Disposable {
  const descriptor = openSync(root, 'r')
  while (!tryFlock(descriptor, 'exclusive', root))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause)
  return { [Symbol.dispose]: () => closeSync(descriptor) }
}
