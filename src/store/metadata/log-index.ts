import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  statSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
import { tryLockByte } from '../../linux/open-file-lock.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'

/** SQLite takes a page of memory and a block of the disk to be at most this. */
const pageSize = 4096
/** Of the index of a log as long as ours become: one region. */
const indexSize = 32 * 1024
/** Whoever has the database open holds this byte of the index shared. Source: sqlite.org/walformat.html, and its os_unix.c. */
const connectedByte = 128
/** Milliseconds. */
const longestWait = 2000

interface HeldIndex {
  readonly descriptor: number
  users: number
}

/** Open index files of this process: closing one drops all of the process's own locks on it, SQLite's included. */
const held = new Map<string, HeldIndex>()

/**
 * Keeps the memory that SQLite shares between processes, the index of its log, from lacking room on the disk; to be held
 * as long as the database is open. SQLite makes that file long by one byte a page, and the first process to open it makes it short
 * again: with smaller blocks each page has holes, and touching one on a full disk ends the process with SIGBUS. Here the
 * first process fills the file with zeros in its place, which means the same (the index is made anew from the log),
 * and holds the byte by which SQLite sees that it is not the first. Undefined where blocks are whole pages.
 * NO_SPACE, before anything could break.
 */
export function holdLogIndex(database: string): Disposable | undefined {
  if (statfsSync(dirname(database)).bsize >= pageSize) return undefined
  const path = `${database}-shm`
  try {
    return shareIndex(path)
  } catch (error) {
    throw fromNodeError(error, path)
  }
}

function shareIndex(path: string): Disposable {
  const there = statSync(path, { throwIfNoEntry: false })
  const entry = (there && held.get(keyOf(there))) ?? openIndex(path)
  entry.users++
  return {
    [Symbol.dispose]() {
      if (--entry.users > 0) return
      held.delete(keyOf(fstatSync(entry.descriptor)))
      closeSync(entry.descriptor)
    },
  }
}

const keyOf = ({ dev, ino }: Stats): string => `${dev} ${ino}`

function openIndex(path: string): HeldIndex {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    prepareIndex(descriptor, path)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  const entry = { descriptor, users: 0 }
  held.set(keyOf(fstatSync(descriptor)), entry)
  return entry
}

/** Leaves the byte locked shared. */
function prepareIndex(descriptor: number, path: string): void {
  const until = performance.now() + longestWait
  for (;;) {
    if (tryLockByte(descriptor, 'exclusive', connectedByte, path)) {
      fillIndex(descriptor)
      tryLockByte(descriptor, 'shared', connectedByte, path)
      return
    }
    const late = performance.now() > until
    if (tryLockByte(descriptor, 'shared', connectedByte, path)) {
      // one of an older mille may have holes as long as that one has it open
      if (isWhole(fstatSync(descriptor)) || late) return
      tryLockByte(descriptor, 'none', connectedByte, path)
    } else if (late) throw failure('STORE_BUSY', { root: dirname(path), seconds: longestWait / 1000 })
    // another process fills it at this moment
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  }
}

/** In its place: blocks that were given back could be taken by others before they are needed again. */
function fillIndex(descriptor: number): void {
  if (fstatSync(descriptor).size > indexSize) ftruncateSync(descriptor, indexSize)
  const zeros = Buffer.alloc(indexSize)
  for (let at = 0; at < indexSize;) at += writeSync(descriptor, zeros, at, indexSize - at, at)
}

function isWhole({ size, blocks }: Stats): boolean {
  return size >= indexSize && blocks * 512 >= size
}
