import { encodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import { blockSize } from './format.ts'

/** One name of a directory, with the place of the node it means in whatever list the caller keeps. */
export interface DirectoryEntry {
  readonly name: Buffer
  readonly inode: number
  /** Number of the type in directory entries. */
  readonly type: number
}

const entrySize = 12
const maxName = 255

/** Names in the order of their bytes, as the kernel's binary search needs them. */
export function sortNames(names: Iterable<string>): string[] {
  const sorted = [...names]
  // UTF-16 order is byte order, unless surrogates are among the names.
  if (!sorted.some((name) => /[\ud800-\uffff]/.test(name))) return sorted.sort()
  return sorted
    .map((name) => ({ name, bytes: encodeBytes(name) }))
    .sort((a, b) => a.bytes.compare(b.bytes))
    .map(({ name }) => name)
}

export function encodeName(name: string): Buffer {
  const bytes = encodeBytes(name)
  if (bytes.length === 0 || bytes.length > maxName || bytes.includes(0) || bytes.includes(0x2f))
    throw failure('INTERNAL', { reason: `"${name}" is no file name` })
  return bytes
}

/** How sorted entries are spread over blocks: an entry and its name stay in one. */
export interface DirectoryPlan {
  /** Index of the first entry of each block. */
  readonly starts: readonly number[]
  /** Bytes of the whole directory; its last block counts only what it uses. */
  readonly size: number
}

export function planDirectory(entries: readonly DirectoryEntry[]): DirectoryPlan {
  const starts: number[] = []
  let used = blockSize
  for (const [index, { name }] of entries.entries()) {
    const need = entrySize + name.length
    if (used + need > blockSize) {
      starts.push(index)
      used = 0
    }
    used += need
  }
  return { starts, size: (starts.length - 1) * blockSize + used }
}

/**
 * Writes one block of a directory at `position`: all fixed entries, then all names. The name of an entry ends where
 * the next begins; that of the last at the end of the block's used part, or at a NUL.
 */
export function writeDirectoryBlock(
  image: Buffer,
  position: number,
  entries: readonly DirectoryEntry[],
  nidOf: (inode: number) => number,
): void {
  let nameOffset = entries.length * entrySize
  for (const [index, { name, inode, type }] of entries.entries()) {
    const at = position + index * entrySize
    // 64 bits on disk; 32 are enough for an image of 128 GiB.
    image.writeUInt32LE(nidOf(inode), at)
    image.writeUInt16LE(nameOffset, at + 8)
    image[at + 10] = type
    name.copy(image, position + nameOffset)
    nameOffset += name.length
  }
}
