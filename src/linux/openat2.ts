import { constants } from 'node:fs'
import { constants as system } from 'node:os'
import { bindLibc, bindSyscall, cPath, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

/** The folder that relative paths start from when no descriptor is given (AT_FDCWD). */
export const currentFolder: number = -100

/** Flags of open(2) that Node does not name. */
export const openFlags = { closeOnExec: 0o2000000, path: 0o10000000 } as const

/** How a path is walked. Source: openat2(2). */
export const resolveFlags = {
  noCrossDevice: 0x01,
  /** No `/proc/self/fd` style links. */
  noMagicLinks: 0x02,
  noSymlinks: 0x04,
  /** Fails (PATH_CROSSES_DEVICE) on anything that would leave the folder: `..`, absolute paths and links. */
  beneath: 0x08,
  /** The folder is `/` for this walk: absolute links and `..` stay inside, as for a chrooted process. */
  inRoot: 0x10,
} as const

const openat2Call = bindSyscall<[number, string | Uint8Array, Uint8Array, number]>(437, [
  'int',
  'const char *',
  'void *',
  'int64_t',
])

const how = Buffer.alloc(24)

/**
 * Like `openat2`, but the negated error number instead of an exception: for hot paths where a missing name is normal.
 * Waits out EAGAIN (a rename raced with the walk) for a bounded number of tries.
 */
export function tryOpenat2(
  folder: number,
  path: string,
  flags: number,
  resolve: number,
  mode: number = 0,
): number {
  how.writeUInt32LE((flags | openFlags.closeOnExec) >>> 0, 0)
  how.writeUInt32LE(mode, 8)
  how.writeUInt32LE(resolve, 16)
  const name = cPath(path)
  for (let attempt = 0; ; attempt += 1) {
    const descriptor = openat2Call(folder, name, how, how.length)
    if (descriptor >= 0) return descriptor
    const number = lastErrno()
    if (number !== system.errno.EAGAIN || attempt === 64) return -number
  }
}

const openatCall = bindLibc<[number, string | Uint8Array, number, number]>('openat', 'int', [
  'int',
  'const char *',
  'int',
  'uint',
])

/**
 * Opens a name without `/` in the open folder `folder`, with O_NOFOLLOW among `flags`: cheaper than `tryOpenat2` and as
 * safe, as there is no way to walk. The negated error number instead of an exception.
 */
export function tryOpenat(folder: number, name: string, flags: number): number {
  const descriptor = openatCall(folder, cPath(name), flags | openFlags.closeOnExec, 0)
  return descriptor >= 0 ? descriptor : -lastErrno()
}

const closeCall = bindLibc<[number]>('close', 'int', ['int'])

/** In a worker thread Node warns of each `closeSync` of a descriptor that it did not open. */
export function closeDescriptor(descriptor: number): void {
  closeCall(descriptor)
}

/**
 * Opens `path` below the open folder `folder` as `resolve` says; the caller closes the descriptor. O_CLOEXEC always.
 * `mode` counts only with O_CREAT or O_TMPFILE. Throws PATH_NOT_FOUND, PATH_LOOP, PATH_CROSSES_DEVICE, …
 */
export function openat2(
  folder: number,
  path: string,
  flags: number,
  resolve: number,
  mode: number = 0,
): number {
  const descriptor = tryOpenat2(folder, path, flags, resolve, mode)
  if (descriptor < 0) throw systemFailure('open', -descriptor, path)
  return descriptor
}

/** Opens a folder as a handle for the other `…at` calls; follows links at the end of `path`. */
export function openFolder(path: string): number {
  return openat2(currentFolder, path, constants.O_RDONLY | constants.O_DIRECTORY, 0)
}
