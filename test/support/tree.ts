import { createHash } from 'node:crypto'
import { closeSync, constants, readSync } from 'node:fs'
import { readlinkat } from '../../src/linux/at.ts'
import { openFlags, openat2, openFolder, resolveFlags } from '../../src/linux/openat2.ts'
import { fileTypes, statx } from '../../src/linux/statx.ts'
import { walkTree } from '../../src/linux/walk-tree.ts'
import { getXattr, listXattrs } from '../../src/linux/xattr.ts'
import { decodeBytes } from '../../src/util/byte-string.ts'

/**
 * Every fact about a tree that an image can carry, one line per name: type, mode, owner, time in nanoseconds, size,
 * content, target, device, attributes, and which names are one inode. The root is the line of ".".
 */
export function describeTree(path: string): string[] {
  const root = openFolder(path)
  const inodes = new Map<bigint, string>()
  try {
    const lines = [line('.', root, '.', inodes)]
    for (const node of walkTree(root)) lines.push(line(node.path, node.folder, node.name, inodes))
    return lines
  } finally {
    closeSync(root)
  }
}

function line(path: string, folder: number, name: string, inodes: Map<bigint, string>): string {
  const status = statx(folder, name)
  const type = status.mode & fileTypes.mask
  const parts = [path, status.mode.toString(8), `${status.uid}:${status.gid}`, String(status.mtime)]
  if (type === fileTypes.file) parts.push(`${status.size}`, contentOf(folder, name))
  if (type === fileTypes.symlink) parts.push(`-> ${decodeBytes(readlinkat(folder, name))}`)
  if (type === fileTypes.char || type === fileTypes.block) parts.push(`${status.major},${status.minor}`)
  const handle = openat2(folder, name, openFlags.path | constants.O_NOFOLLOW, resolveFlags.beneath)
  for (const key of listXattrs(handle))
    if (!key.startsWith('trusted.overlay.'))
      parts.push(`${key}=${getXattr(handle, key)?.toString('hex') ?? ''}`)
  closeSync(handle)
  if (status.links > 1 && type !== fileTypes.directory) {
    const first = inodes.get(status.inode)
    if (first === undefined) inodes.set(status.inode, path)
    else parts.push(`= ${first}`)
  }
  return JSON.stringify(parts.join(' ')).slice(1, -1)
}

function contentOf(folder: number, name: string): string {
  const file = openat2(folder, name, constants.O_RDONLY, resolveFlags.beneath)
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(1_048_576)
  try {
    for (let at = 0; ;) {
      const length = readSync(file, buffer, 0, buffer.length, at)
      if (length === 0) return hash.digest('hex').slice(0, 16)
      hash.update(buffer.subarray(0, length))
      at += length
    }
  } finally {
    closeSync(file)
  }
}
