import { bindLibc, cPath, lastErrno } from '../../linux/libc.ts'
import { systemFailure } from '../../linux/system-failure.ts'

/**
 * Metadata of many files as rows of 22 words in one block of memory: 24,000 objects with bigints would cost more than
 * the system calls. A row is also what the context index keeps on disk.
 */
export const words = 22
const rowBytes = words * 4

/** Positions in a row. Times and sizes take two words (low, high); the digest is the last eight. */
export const row = {
  mode: 0,
  flags: 1,
  size: 2,
  inode: 4,
  mtime: 6,
  mtimeNanoseconds: 8,
  ctime: 9,
  ctimeNanoseconds: 11,
  uid: 12,
  gid: 13,
  digest: 14,
} as const

/** `hidden`: the ignore file of the build that wrote the row hides the name; what else the row says is older. */
export const rowFlags = { known: 1, digest: 2, racy: 4, xattrs: 8, hidden: 16 } as const

const statxCall = bindLibc<[number, string | Uint8Array, number, number, Uint8Array]>('statx', 'int', [
  'int',
  'const char *',
  'int',
  'uint',
  'void *',
])
const noFollow = 0x100
const emptyPath = 0x1000
const basicStats = 0x7ff
const buffer = Buffer.from(new ArrayBuffer(256))
const stat = new Uint32Array(buffer.buffer, 0, 64)

export class EntryTable {
  #words: Uint32Array
  #bytes: Buffer
  #count = 0

  /** Room for `expected` rows before the block must grow. */
  constructor(expected: number) {
    this.#words = new Uint32Array(words * (expected + 16))
    this.#bytes = Buffer.from(this.#words.buffer)
  }

  get count(): number {
    return this.#count
  }

  word(slot: number, position: number): number {
    return this.#words[slot * words + position] ?? 0
  }

  wide(slot: number, position: number): number {
    return this.word(slot, position) + this.word(slot, position + 1) * 0x1_0000_0000
  }

  setFlag(slot: number, flag: number): void {
    this.#words[slot * words + row.flags] = this.word(slot, row.flags) | flag
  }

  clearFlag(slot: number, flag: number): void {
    this.#words[slot * words + row.flags] = this.word(slot, row.flags) & ~flag
  }

  hasFlag(slot: number, flag: number): boolean {
    return (this.word(slot, row.flags) & flag) !== 0
  }

  /** The 32 bytes of the digest; a view that later rows may move away from. */
  digest(slot: number): Buffer {
    const at = slot * rowBytes + row.digest * 4
    return this.#bytes.subarray(at, at + 32)
  }

  copyDigest(slot: number, target: Buffer, offset: number): void {
    const at = slot * rowBytes + row.digest * 4
    this.#bytes.copy(target, offset, at, at + 32)
  }

  /** The whole row, to be written to an index. */
  bytes(slot: number): Buffer {
    return this.#bytes.subarray(slot * rowBytes, (slot + 1) * rowBytes)
  }

  /** A new row with the metadata of `name` in the open folder (of a link itself); undefined when there is no such name. */
  addStatus(folder: number, name: string): number | undefined {
    if (!readStatus(folder, name)) return undefined
    const slot = this.#allocate()
    const at = slot * words
    const target = this.#words
    target[at + row.mode] = (stat[7] ?? 0) & 0xffff
    target[at + row.flags] = rowFlags.known
    target[at + row.size] = stat[10] ?? 0
    target[at + row.size + 1] = stat[11] ?? 0
    target[at + row.inode] = stat[8] ?? 0
    target[at + row.inode + 1] = stat[9] ?? 0
    target[at + row.mtime] = stat[28] ?? 0
    target[at + row.mtime + 1] = stat[29] ?? 0
    target[at + row.mtimeNanoseconds] = stat[30] ?? 0
    target[at + row.ctime] = stat[24] ?? 0
    target[at + row.ctime + 1] = stat[25] ?? 0
    target[at + row.ctimeNanoseconds] = stat[26] ?? 0
    target[at + row.uid] = stat[5] ?? 0
    target[at + row.gid] = stat[6] ?? 0
    return slot
  }

  /** A row with nothing known: a name that the ignore file hides. */
  addUnknown(): number {
    const slot = this.#allocate()
    this.#words.fill(0, slot * words, (slot + 1) * words)
    return slot
  }

  /** A row copied from an index. */
  addBytes(source: Uint8Array, offset: number): number {
    const slot = this.#allocate()
    this.#bytes.set(source.subarray(offset, offset + rowBytes), slot * rowBytes)
    return slot
  }

  /** Takes the digest over from `source` when inode, size and times are the same and it can be trusted. */
  adoptDigest(slot: number, source: Uint32Array, start: number): boolean {
    const target = this.#words
    const at = slot * words
    const flags = source[start + row.flags] ?? 0
    if ((flags & rowFlags.known) === 0 || (flags & rowFlags.racy) !== 0) return false
    for (let index = row.size; index < row.uid; index++) {
      if (target[at + index] !== source[start + index]) return false
    }
    if ((source[start + row.mode] ?? 0) >>> 12 !== (target[at] ?? 0) >>> 12) return false
    if ((flags & rowFlags.digest) === 0) return true
    // by hand: a `subarray` for each of 24,000 files costs more than the copy
    for (let index = row.digest; index < words; index++) target[at + index] = source[start + index] ?? 0
    target[at + row.flags] = (target[at + row.flags] ?? 0) | (flags & (rowFlags.digest | rowFlags.xattrs))
    return true
  }

  /** Is `name` in the open folder (empty: the open file itself) still what the row says? */
  isSame(slot: number, folder: number, name: string): boolean {
    if (!readStatus(folder, name)) return false
    const at = slot * words
    const target = this.#words
    return (
      target[at + row.size] === stat[10] &&
      target[at + row.size + 1] === stat[11] &&
      target[at + row.inode] === stat[8] &&
      target[at + row.inode + 1] === stat[9] &&
      target[at + row.mtime] === stat[28] &&
      target[at + row.mtimeNanoseconds] === stat[30] &&
      target[at + row.ctime] === stat[24] &&
      target[at + row.ctimeNanoseconds] === stat[26]
    )
  }

  #allocate(): number {
    if ((this.#count + 1) * words > this.#words.length) {
      const larger = new Uint32Array(this.#words.length * 2)
      larger.set(this.#words)
      this.#words = larger
      this.#bytes = Buffer.from(larger.buffer)
    }
    return this.#count++
  }
}

/** Is `name` in the open folder what the row at `start` of an index says, and may the row be trusted? */
export function isSameAsRow(source: Uint32Array, start: number, folder: number, name: string): boolean {
  const flags = source[start + row.flags] ?? 0
  if ((flags & rowFlags.known) === 0 || (flags & rowFlags.racy) !== 0 || !readStatus(folder, name))
    return false
  return (
    source[start + row.inode] === stat[8] &&
    source[start + row.ctime] === stat[24] &&
    source[start + row.ctimeNanoseconds] === stat[26] &&
    source[start + row.mtime] === stat[28] &&
    source[start + row.mtimeNanoseconds] === stat[30] &&
    source[start + row.size] === stat[10] &&
    source[start + row.size + 1] === stat[11] &&
    source[start + row.inode + 1] === stat[9] &&
    source[start + row.mode] === ((stat[7] ?? 0) & 0xffff)
  )
}

function readStatus(folder: number, name: string): boolean {
  const flags = name === '' ? emptyPath | noFollow : noFollow
  if (statxCall(folder, cPath(name), flags, basicStats, buffer) === 0) return true
  const number = lastErrno()
  if (number === 2 || number === 20) return false
  throw systemFailure('stat', number, name)
}
