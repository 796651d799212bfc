import {
  copyStatus,
  isSameStatus,
  readStatusWords,
  statusWord,
  statusWords as stat,
  tellingCount,
} from '../../linux/status-words.ts'
import { modeUnder, type Checkout } from './checkout.ts'

/**
 * Metadata of many files as rows of 22 words in one block of memory: 24,000 objects with bigints would cost more than
 * the system calls. A row is also what the context index keeps on disk.
 */
export const words = 22
const rowBytes = words * 4

/**
 * Positions in a row. From `size` to `ctimeNanoseconds` they are the telling words of `status-words.ts`; the digest is
 * the last eight.
 */
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

/**
 * `hidden`: the ignore file of the build that wrote the row hides the name; what else the row says is older. `linked`: a
 * file with more names than this one.
 */
export const rowFlags = { known: 1, digest: 2, racy: 4, xattrs: 8, hidden: 16, linked: 32 } as const

export class EntryTable {
  #words: Uint32Array
  #bytes: Buffer
  #count = 0
  readonly #checkout: Checkout | undefined

  /** Room for `expected` rows before the block must grow. With a `checkout`, owners, modes and times are of that copy. */
  constructor(expected: number, checkout?: Checkout) {
    this.#checkout = checkout
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

  mode(slot: number): number {
    const mode = this.word(slot, row.mode)
    return this.#checkout === undefined ? mode : modeUnder(this.#checkout.umask, mode)
  }

  uid(slot: number): number {
    return this.#checkout?.uid ?? this.word(slot, row.uid)
  }

  gid(slot: number): number {
    return this.#checkout?.gid ?? this.word(slot, row.gid)
  }

  /** Nanoseconds since the epoch. */
  mtime(slot: number): bigint {
    const low = BigInt(this.word(slot, row.mtime))
    const seconds = BigInt.asIntN(64, low | (BigInt(this.word(slot, row.mtime + 1)) << 32n))
    const mtime = seconds * 1_000_000_000n + BigInt(this.word(slot, row.mtimeNanoseconds))
    return this.#checkout === undefined ? mtime : mtime + this.#checkout.age
  }

  setFlag(slot: number, flag: number): void {
    this.#words[slot * words + row.flags] = this.word(slot, row.flags) | flag
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

  /** Whole rows one behind the other, to be written to an index. */
  rows(slots: readonly number[]): Buffer {
    const rows = Buffer.allocUnsafe(slots.length * rowBytes)
    for (const [index, slot] of slots.entries())
      this.#bytes.copy(rows, index * rowBytes, slot * rowBytes, (slot + 1) * rowBytes)
    return rows
  }

  /** A new row with the metadata of `name` in the open folder (of a link itself); undefined when there is no such name. */
  addStatus(folder: number, name: string): number | undefined {
    if (!readStatusWords(folder, name)) return undefined
    const slot = this.#allocate()
    const at = slot * words
    const target = this.#words
    target[at + row.mode] = (stat[statusWord.mode] ?? 0) & 0xffff
    const isLinked = (target[at + row.mode] ?? 0) >>> 12 === 0o10 && (stat[statusWord.links] ?? 0) > 1
    target[at + row.flags] = isLinked ? rowFlags.known | rowFlags.linked : rowFlags.known
    copyStatus(target, at + row.size)
    target[at + row.uid] = stat[statusWord.uid] ?? 0
    target[at + row.gid] = stat[statusWord.gid] ?? 0
    return slot
  }

  /** A row with nothing known: a name that the ignore file hides. */
  addUnknown(): number {
    const slot = this.#allocate()
    this.#words.fill(0, slot * words, (slot + 1) * words)
    return slot
  }

  /** A row copied from an index, where it begins at the word `start`. */
  addRow(source: Uint32Array, start: number): number {
    const slot = this.#allocate()
    const target = this.#words
    const at = slot * words
    for (let index = 0; index < words; index++) target[at + index] = source[start + index] ?? 0
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
    if (!readStatusWords(folder, name)) return false
    return isSameStatus(this.#words, slot * words + row.size)
  }

  /** The words that `isSameStatus` compares with. */
  status(slot: number): Uint32Array {
    const at = slot * words + row.size
    return this.#words.subarray(at, at + tellingCount)
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
  if ((flags & rowFlags.known) === 0 || (flags & rowFlags.racy) !== 0 || !readStatusWords(folder, name))
    return false
  return (
    isSameStatus(source, start + row.size) &&
    source[start + row.mode] === ((stat[statusWord.mode] ?? 0) & 0xffff)
  )
}
