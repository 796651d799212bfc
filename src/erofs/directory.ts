import { encodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import { blockSize } from './format.ts'

/** What is said of an inode beside its name. */
export interface NamedInodes {
  /** Where it lies; final when directories are written. */
  nid(inode: number): number
  /** Number of its type in directory entries. */
  entryType(inode: number): number
}

/** A directory's sorted names, and how they are spread over blocks: an entry and its name stay in one. */
export interface DirectoryPlan {
  readonly names: readonly string[]
  /** Bytes of each name. */
  readonly lengths: Uint8Array
  /** What each name stands for, by number. */
  readonly inodes: Uint32Array
  /** Index of the first entry of each block. */
  readonly starts: readonly number[]
  /** Bytes of the whole directory; its last block counts only what it uses. */
  readonly size: number
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

/** Bytes of a file name; INTERNAL for what is none. */
function nameLength(name: string): number {
  const length = name.isWellFormed() ? Buffer.byteLength(name) : encodeBytes(name).length
  if (length === 0 || length > maxName || name.includes('\0') || name.includes('/'))
    throw failure('INTERNAL', { reason: `"${name}" is no file name` })
  return length
}

/** `names` are those of `sortNames`, `.` and `..` among them. */
export function planDirectory(names: readonly string[], inodes: Uint32Array): DirectoryPlan {
  const lengths = Uint8Array.from(names, nameLength)
  const starts: number[] = []
  let used = blockSize
  for (let index = 0; index < lengths.length; index++) {
    const need = entrySize + (lengths[index] as number)
    if (used + need > blockSize) {
      starts.push(index)
      used = 0
    }
    used += need
  }
  return { names, lengths, inodes, starts, size: (starts.length - 1) * blockSize + used }
}

/**
 * Writes block `block` of a directory at `position`: all fixed entries, then all names. The name of an entry ends where
 * the next begins; that of the last at the end of the block's used part, or at a NUL.
 */
export function writeDirectoryBlock(
  image: Buffer,
  position: number,
  { names, lengths, inodes, starts }: DirectoryPlan,
  block: number,
  all: NamedInodes,
): void {
  const from = starts[block] ?? 0
  const to = starts[block + 1] ?? names.length
  let nameOffset = (to - from) * entrySize
  for (let index = from, at = position; index < to; index++, at += entrySize) {
    const inode = inodes[index] as number
    const length = lengths[index] as number
    // 64 bits on disk; 32 are enough for an image of 128 GiB.
    image.writeUInt32LE(all.nid(inode), at)
    image.writeUInt16LE(nameOffset, at + 8)
    image[at + 10] = all.entryType(inode)
    writeName(image, position + nameOffset, names[index] as string, length)
    nameOffset += length
  }
}

/** A byte for a letter is ASCII, or a byte that is no UTF-8 (see `encodeBytes`): no buffer is needed for those. */
function writeName(image: Buffer, at: number, name: string, length: number): void {
  if (length === name.length) image.write(name, at, length, 'latin1')
  else encodeBytes(name).copy(image, at)
}
