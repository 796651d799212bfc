import { callStatx, readStatusWords, statusView } from './status-words.ts'
import { systemFailure } from './system-failure.ts'

/** What `mode & typeMask` says. */
export const fileTypes = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  file: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  char: 0o020000,
  fifo: 0o010000,
} as const

/** One inode's metadata. Times are nanoseconds since the epoch. */
export interface FileStatus {
  /** Type and permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly links: number
  /** Bytes. */
  readonly size: number
  /** Allocated units of 512 bytes. */
  readonly blocks: number
  readonly inode: bigint
  /** The file system's device number, as one word. */
  readonly device: number
  readonly mtime: bigint
  readonly ctime: bigint
  /** Numbers of a device node; 0 for everything else. */
  readonly major: number
  readonly minor: number
}

const birth = 0x800
const mountRoot = 0x2000

/**
 * Metadata of `name` in the open folder, of a link itself; the empty `name` means the object behind `folder`.
 * Undefined when there is no such name; throws for every other reason.
 */
export function findStatus(folder: number, name: string): FileStatus | undefined {
  return readStatusWords(folder, name) ? read() : undefined
}

/** As `findStatus`; throws PATH_NOT_FOUND when there is no such name. */
export function statx(folder: number, name: string): FileStatus {
  const status = findStatus(folder, name)
  if (status === undefined) throw systemFailure('stat', 2, name)
  return status
}

/** Is a mounted file system's root at `path`? False also when there is nothing. Source: statx(2), STATX_ATTR_MOUNT_ROOT. */
export function isMountRoot(folder: number, path: string): boolean {
  return callStatx(folder, path, 0) && (statusView.getUint32(8, true) & mountRoot) !== 0
}

/** When the inode of `name` was made, nanoseconds since the epoch; undefined where the file system does not say. */
export function birthTime(folder: number, name: string): bigint | undefined {
  if (!callStatx(folder, name, birth) || (statusView.getUint32(0, true) & birth) === 0) return undefined
  return statusView.getBigInt64(80, true) * 1_000_000_000n + BigInt(statusView.getUint32(88, true))
}

/** Layout: statx(2), struct statx; little-endian on both processors mille runs on. */
function read(): FileStatus {
  const number = (offset: number): number => statusView.getUint32(offset, true)
  const wide = (offset: number): number => number(offset) + number(offset + 4) * 0x1_0000_0000
  const time = (offset: number): bigint =>
    statusView.getBigInt64(offset, true) * 1_000_000_000n + BigInt(number(offset + 8))
  return {
    links: number(16),
    uid: number(20),
    gid: number(24),
    mode: statusView.getUint16(28, true),
    inode: statusView.getBigUint64(32, true),
    size: wide(40),
    blocks: wide(48),
    ctime: time(96),
    mtime: time(112),
    major: number(128),
    minor: number(132),
    device: number(136) * 0x10_0000 + number(140),
  }
}
