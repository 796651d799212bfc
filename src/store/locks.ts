import { closeSync, constants, fstatSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { tryFlock } from '../linux/flock.ts'
import { fromNodeError } from '../linux/system-failure.ts'
import { sha256 } from '../oci/digest.ts'
import { failure } from '../util/errors.ts'
import { unlinkQuietly } from './content/temporary-files.ts'
import type { LockOptions } from './store.ts'

const longestWait = 50

/** Locks between processes: one file each below `folder`, locked with flock(2). */
export interface Locks {
  acquire(name: string, options?: LockOptions): Promise<AsyncDisposable>
  /** Has anybody got it at this moment? */
  isHeld(name: string): boolean
}

/** A lock's file lives as long as someone holds it, or lasts as the holder says; what a killed one leaves is harmless. */
export function openLocks(folder: string): Locks {
  return {
    acquire: (name, options = {}) => acquire(join(folder, fileName(name)), name, options),
    isHeld: (name) => isHeld(join(folder, fileName(name))),
  }
}

/** Makes no file: a read-only store can be asked. */
function isHeld(path: string): boolean {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw fromNodeError(error, path)
  }
  try {
    return !tryFlock(descriptor, 'shared', path)
  } finally {
    closeSync(descriptor)
  }
}

async function acquire(path: string, name: string, options: LockOptions): Promise<AsyncDisposable> {
  const { timeout = 60_000, shared = false, signal, lasting } = options
  const until = performance.now() + timeout
  for (let wait = 1; ; wait = Math.min(wait * 2, longestWait)) {
    signal?.throwIfAborted()
    const descriptor = tryAcquire(path, shared)
    if (descriptor !== undefined) return held(path, descriptor, () => shared || lasting?.() === true)
    const left = until - performance.now()
    if (left <= 0)
      throw failure('STORE_LOCK_TIMEOUT', { name, seconds: timeout / 1000, holder: holderOf(path) })
    await delay(Math.min(wait, left), undefined, signal === undefined ? {} : { signal })
  }
}

/** The locked descriptor; undefined when another one holds the lock or has just ended it. */
function tryAcquire(path: string, shared: boolean): number | undefined {
  const descriptor = openLockFile(path)
  try {
    if (tryFlock(descriptor, shared ? 'shared' : 'exclusive', path) && isSameFile(path, descriptor)) {
      if (!shared) recordHolder(descriptor)
      return descriptor
    }
  } catch (error) {
    closeSync(descriptor)
    throw fromNodeError(error, path)
  }
  closeSync(descriptor)
  return undefined
}

function openLockFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (error) {
    throw fromNodeError(error, path)
  }
}

/** A holder unlinks the file before it lets go: whoever waited on that file must start anew with the next one. */
function isSameFile(path: string, descriptor: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(descriptor).ino
}

/** Only for the message of whoever waits in vain: on a full disk the lock is taken all the same. */
function recordHolder(descriptor: number): void {
  try {
    // as wide as any process number: making the file shorter would cost more than all else here
    writeSync(descriptor, String(process.pid).padEnd(10), 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

function holderOf(path: string): string {
  try {
    const pid = readFileSync(path, 'latin1').trim()
    return pid === '' ? 'another process' : `process ${pid}`
  } catch {
    return 'another process'
  }
}

function held(path: string, descriptor: number, stays: () => boolean): AsyncDisposable {
  let isHeld = true
  return {
    [Symbol.asyncDispose](): Promise<void> {
      // the descriptor's number belongs to another file after the first time
      if (!isHeld) return Promise.resolve()
      isHeld = false
      // with shared holders the file stays: another one may have locked it
      if (!stays()) unlinkQuietly(path)
      closeSync(descriptor)
      return Promise.resolve()
    },
  }
}

/** Lock names may hold anything (digests, container names): only plain ones become file names as they are. */
function fileName(name: string): string {
  return /^[\w][\w.-]{0,100}$/.test(name) ? name : `hash-${sha256(name).slice('sha256:'.length)}`
}
