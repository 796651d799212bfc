import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import koffi from 'koffi'

const OPENAT2 = 437 // the same number on every architecture (unified table since 5.1)
const RESOLVE_NO_MAGICLINKS = 0x02n
const RESOLVE_IN_ROOT = 0x10n
const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000
const AT_FDCWD = -100

const libc = koffi.load(null)
const syscall = libc.func('long syscall(long number, int dirfd, const char *path, void *how, size_t size)')

function errnoName(errno: number): string {
  return Object.entries(osConstants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`
}

function openat2(dirfd: number, path: string, flags: number, resolve: bigint): number {
  const how = Buffer.alloc(24)
  how.writeBigUInt64LE(BigInt(flags), 0)
  how.writeBigUInt64LE(resolve, 16)
  // EAGAIN: a rename raced with the walk (openat2(2)); a hostile container could keep that up for ever
  for (let attempt = 0; ; attempt += 1) {
    const fd = Number(syscall(OPENAT2, dirfd, path, how, how.length))
    if (fd >= 0) return fd
    const errno = koffi.errno()
    if (errno === osConstants.errno.EAGAIN && attempt < 64) continue
    const code = errnoName(errno)
    throw Object.assign(new Error(`${code}: openat2 '${path}'`), {
      code,
      errno: -errno,
      syscall: 'openat2',
      path,
    })
  }
}

/**
 * Opens `path` as a process that has `root` as its root folder would find it: links, also absolute ones, and `..`
 * stay inside (openat2(2), RESOLVE_IN_ROOT). The descriptor is O_PATH: good for fstat and `/proc/self/fd`, nothing
 * was read, no fifo waited for, no device woken. The caller closes it. Throws like `fs.openSync`, with `code`.
 */
export function openPathInRoot(root: string, path: string): number {
  const top = openat2(AT_FDCWD, root, O_PATH | O_CLOEXEC | constants.O_DIRECTORY, 0n)
  try {
    return openat2(top, path, O_PATH | O_CLOEXEC, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
  } finally {
    closeSync(top)
  }
}

/**
 * Opens a regular file inside `root` for reading; undefined when it is missing or anything but a regular file
 * (fifo, device, folder: reading those could block for ever). The caller closes it.
 */
export function openFileInRoot(root: string, path: string): number | undefined {
  let handle: number
  try {
    handle = openPathInRoot(root, path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined
    throw error
  }
  try {
    // the very inode that was checked is opened again, not its name
    return fstatSync(handle).isFile() ? openSync(`/proc/self/fd/${handle}`, 'r') : undefined
  } finally {
    closeSync(handle)
  }
}
