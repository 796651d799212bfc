import { closeSync, constants, openSync, readSync } from 'node:fs'
import { readlinkat } from '../../linux/at.ts'
import { openat2, openFlags, resolveFlags } from '../../linux/openat2.ts'
import { fileTypes, statx, type FileStatus } from '../../linux/statx.ts'
import { walkTree } from '../../linux/walk-tree.ts'
import { getXattr, listXattrs } from '../../linux/xattr.ts'
import type { TarType } from '../../tar/entry.ts'
import type { TarSource } from '../../tar/writer.ts'
import { decodeBytes } from '../../util/byte-string.ts'

const types: ReadonlyMap<number, TarType> = new Map([
  [fileTypes.file, 'file'],
  [fileTypes.directory, 'directory'],
  [fileTypes.symlink, 'symlink'],
  [fileTypes.char, 'char'],
  [fileTypes.block, 'block'],
  [fileTypes.fifo, 'fifo'],
])

const chunkSize = 256 * 1024

/** The time a member has in the tar, nanoseconds since the epoch. */
export type TimeOf = (mtime: bigint) => bigint

interface Walk {
  readonly links: Map<string, string>
  readonly timeOf: TimeOf
}

/**
 * Members for `name` in the open folder (empty: the open object itself) and everything below it, the top one called `as`. Second names of one inode
 * become hard links; sockets are left out; devices and fifos are headers, never opened. What is read is opened below
 * its folder's handle without following links, so that a running container cannot lead the reader outside (C-R9).
 */
export async function* tarOfTree(
  folder: number,
  name: string,
  as: string,
  timeOf: TimeOf = (mtime) => mtime,
): AsyncGenerator<TarSource> {
  const walk: Walk = { links: new Map(), timeOf }
  const top = statx(folder, name)
  yield* member(folder, name, as, top, walk)
  if ((top.mode & fileTypes.mask) !== fileTypes.directory) return
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  const start =
    name === '' ? openat2(folder, '.', flags, 0) : openat2(folder, name, flags, resolveFlags.beneath)
  try {
    for (const node of walkTree(start)) {
      const path = as === '' ? node.path : `${as}/${node.path}`
      yield* member(node.folder, node.name, path, node.status, walk)
    }
  } finally {
    closeSync(start)
  }
}

async function* member(
  folder: number,
  name: string,
  path: string,
  status: FileStatus,
  { links, timeOf }: Walk,
): AsyncGenerator<TarSource> {
  const type = types.get(status.mode & fileTypes.mask)
  if (type === undefined) return
  const { mode, uid, gid, mtime, major, minor } = status
  const header = { path: path === '' ? '.' : path, mode: mode & 0o7777, uid, gid, mtime: timeOf(mtime) }
  const key = `${status.device}:${status.inode}`
  const first = type !== 'directory' && status.links > 1 ? links.get(key) : undefined
  if (first !== undefined) {
    yield { header: { ...header, type: 'hardlink', linkTarget: first } }
    return
  }
  links.set(key, path)
  if (type === 'file') {
    const handle = openFile(folder, name)
    try {
      const xattrs = xattrsOf(handle)
      yield { header: { ...header, type, size: status.size, xattrs }, body: readFile(handle, status.size) }
    } finally {
      closeSync(handle)
    }
    return
  }
  const linkTarget = type === 'symlink' ? decodeBytes(readlinkat(folder, name)) : undefined
  const device = type === 'char' || type === 'block' ? { major, minor } : undefined
  yield {
    header: {
      ...header,
      type,
      ...(linkTarget !== undefined && { linkTarget }),
      ...(device && { device }),
      xattrs: xattrsAt(folder, name),
    },
  }
}

/** Without a name: the open object itself, which is a regular file, once more and for reading. */
function openFile(folder: number, name: string): number {
  if (name === '') return openSync(`/proc/self/fd/${folder}`, constants.O_RDONLY)
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  return openat2(folder, name, flags, resolveFlags.beneath)
}

/** At most `size` bytes: a log that grows meanwhile is cut where it was. */
async function* readFile(handle: number, size: number): AsyncGenerator<Buffer> {
  for (let left = size; left > 0;) {
    const chunk = Buffer.allocUnsafe(Math.min(left, chunkSize))
    const length = readSync(handle, chunk)
    if (length === 0) return
    left -= length
    yield chunk.subarray(0, length)
  }
}

function xattrsAt(folder: number, name: string): ReadonlyMap<string, Uint8Array> {
  if (name === '') return xattrsOf(folder)
  const handle = openat2(folder, name, openFlags.path | constants.O_NOFOLLOW, 0)
  try {
    return xattrsOf(handle)
  } finally {
    closeSync(handle)
  }
}

/** Overlayfs's own attributes say nothing outside of it. */
function xattrsOf(handle: number): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  for (const key of listXattrs(handle)) {
    const value = /^(trusted|user)\.overlay\./.test(key) ? undefined : getXattr(handle, key)
    if (value) found.set(key, value)
  }
  return found
}
