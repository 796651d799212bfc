import { closeSync, fsyncSync, openSync } from 'node:fs'
import { bindLibc, bindLibcAside } from './libc.ts'
import { check } from './system-failure.ts'

const syncfsCall = bindLibc<[number]>('syncfs', 'int', ['int'])

const syncFileRange = bindLibcAside<[number, number, number, number]>('sync_file_range', 'int', [
  'int',
  'int64_t',
  'int64_t',
  'uint',
])
/** SYNC_FILE_RANGE_WRITE */
const startOnly = 2

/**
 * Has the kernel begin to write a part of a file to the disk: a later sync has less to do. On a busy disk the call
 * itself takes long, so nobody waits for it. A hint: errors are not told, nor used up, so that the sync tells them; when
 * the file was closed meanwhile, another one may be written a little earlier.
 */
export function startWriteback(descriptor: number, offset: number, length: number): void {
  syncFileRange(descriptor, offset, length, startOnly)
}

const fadvise = bindLibc<[number, number, number, number]>('posix_fadvise', 'int', [
  'int',
  'int64_t',
  'int64_t',
  'int',
])
/** POSIX_FADV_DONTNEED */
const notNeeded = 4

/**
 * Gives back the memory that keeps what was read of a file or written to it; what is not on the disk yet stays. Whoever
 * reads the file again reads it from the disk. A hint: errors are not told. Source: posix_fadvise(2).
 */
export function dropCached(descriptor: number): void {
  fadvise(descriptor, 0, 0, notNeeded)
}

/** Makes everything written so far to the file system that the folder `path` is on durable. */
export function syncFileSystemOf(path: string): void {
  const folder = openSync(path, 'r')
  try {
    check(syncfsCall(folder), 'syncfs', path)
  } finally {
    closeSync(folder)
  }
}

/** Makes a file, or the names in a folder, durable. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
