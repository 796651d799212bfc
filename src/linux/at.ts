import { bindLibc, bindSyscall, cPath, lastErrno } from './libc.ts'
import { check, systemFailure } from './system-failure.ts'

/**
 * The calls that work on one name in an open folder. `name` is meant to be a single part: a path would be walked
 * through links. None of them follows a link at `name` itself.
 */
type CPath = string | Uint8Array
const noFollow = 0x100
const removeFolder = 0x200
const emptyPath = 0x1000

const mkdiratCall = bindLibc<[number, CPath, number]>('mkdirat', 'int', ['int', 'const char *', 'uint'])
const symlinkatCall = bindLibc<[CPath, number, CPath]>('symlinkat', 'int', [
  'const char *',
  'int',
  'const char *',
])
const linkatCall = bindLibc<[number, CPath, number, CPath, number]>('linkat', 'int', [
  'int',
  'const char *',
  'int',
  'const char *',
  'int',
])
const mknodatCall = bindLibc<[number, CPath, number, bigint]>('mknodat', 'int', [
  'int',
  'const char *',
  'uint',
  'uint64_t',
])
const fchownatCall = bindLibc<[number, CPath, number, number, number]>('fchownat', 'int', [
  'int',
  'const char *',
  'uint',
  'uint',
  'int',
])
const fchmodatCall = bindLibc<[number, CPath, number, number]>('fchmodat', 'int', [
  'int',
  'const char *',
  'uint',
  'int',
])
const utimensatCall = bindLibc<[number, CPath, Uint8Array, number]>('utimensat', 'int', [
  'int',
  'const char *',
  'void *',
  'int',
])
const unlinkatCall = bindLibc<[number, CPath, number]>('unlinkat', 'int', ['int', 'const char *', 'int'])
const renameat2Call = bindSyscallRename()
const readlinkatCall = bindLibc<[number, CPath, Uint8Array, number]>('readlinkat', 'int64_t', [
  'int',
  'const char *',
  'void *',
  'uint64_t',
])

function bindSyscallRename(): (from: number, a: CPath, to: number, b: CPath, flags: number) => number {
  const number = process.arch === 'arm64' ? 276 : 316
  return bindSyscall(number, ['int', 'const char *', 'int', 'const char *', 'uint'])
}

/** Makes a folder; the umask takes bits from `mode`. */
export function mkdirat(folder: number, name: string, mode: number): void {
  check(mkdiratCall(folder, cPath(name), mode), 'mkdir', name)
}

export function symlinkat(target: string, folder: number, name: string): void {
  check(symlinkatCall(cPath(target), folder, cPath(name)), 'symlink', name)
}

/** A hard link to `from` itself, be it a symlink. */
export function linkat(fromFolder: number, from: string, folder: number, name: string): void {
  check(linkatCall(fromFolder, cPath(from), folder, cPath(name), 0), 'link', name)
}

/** Device numbers as the kernel packs them: 12 bits of major and 20 of minor on disk, wider here. Source: makedev(3). */
export function makeDevice(major: number, minor: number): bigint {
  const high = BigInt(major)
  const low = BigInt(minor)
  return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n)
}

/** A fifo, socket, device or plain file: `mode` holds the type (S_IFIFO, …) and the permission bits. */
export function mknodat(folder: number, name: string, mode: number, device: bigint = 0n): void {
  check(mknodatCall(folder, cPath(name), mode, device), 'mknod', name)
}

/** The empty `name` means the object behind `folder` itself, which may be any descriptor. */
export function fchownat(folder: number, name: string, uid: number, gid: number): void {
  check(fchownatCall(folder, cPath(name), uid, gid, name === '' ? emptyPath : noFollow), 'chown', name)
}

/** Follows links (the kernel has no mode for them): only for names known to be none. */
export function fchmodat(folder: number, name: string, mode: number): void {
  check(fchmodatCall(folder, cPath(name), mode, 0), 'chmod', name)
}

const times = Buffer.alloc(32)

/** Sets access and modification time, nanoseconds since the epoch (may be negative), of `name` itself, be it a link. */
export function utimensat(folder: number, name: string, atime: bigint, mtime: bigint): void {
  writeTime(atime, 0)
  writeTime(mtime, 16)
  check(utimensatCall(folder, cPath(name), times, name === '' ? emptyPath : noFollow), 'utimens', name)
}

function writeTime(time: bigint, offset: number): void {
  const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  times.writeBigInt64LE((time - nanoseconds) / 1_000_000_000n, offset)
  times.writeBigInt64LE(nanoseconds, offset + 8)
}

/** Removes a name; `directory` for an empty folder. */
export function unlinkat(folder: number, name: string, options: { readonly directory?: boolean } = {}): void {
  check(unlinkatCall(folder, cPath(name), options.directory === true ? removeFolder : 0), 'unlink', name)
}

/** Like `unlinkat` for anything but a folder; the negated error number instead of an exception. */
export function tryUnlinkat(folder: number, name: string): number {
  return unlinkatCall(folder, cPath(name), 0) === -1 ? -lastErrno() : 0
}

/** Flags of renameat2(2). */
export const renameFlags = { noReplace: 1, exchange: 2, whiteout: 4 } as const

export function renameat2(
  fromFolder: number,
  from: string,
  folder: number,
  name: string,
  flags: number = 0,
): void {
  check(renameat2Call(fromFolder, cPath(from), folder, cPath(name), flags), 'rename', name)
}

const target = Buffer.alloc(65536)

/** The bytes of a symlink's target; the empty `name` for a link opened with O_PATH and O_NOFOLLOW. */
export function readlinkat(folder: number, name: string): Buffer {
  const length = readlinkatCall(folder, cPath(name), target, target.length)
  if (length === -1) throw systemFailure('readlink', lastErrno(), name)
  return Buffer.from(target.subarray(0, length))
}
