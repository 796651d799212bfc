import { encodeBytes } from '../../util/byte-string.ts'
import type { LayerEntryType } from '../store.ts'
import { entryTypes, LayerTable } from './layer-table.ts'
import type { StoredEntry } from './stored-entry.ts'
import { allocateColumns, localTimeFlag, noBytes, rareRanges, type RareFields } from './table-columns.ts'

/** Room for names that are as long as most are. */
const nameRoom = 48
const billion = 1_000_000_000n
const numberOf: ReadonlyMap<LayerEntryType, number> = new Map(entryTypes.map((type, index) => [type, index]))

/** Makes a table, entry by entry. */
export class TableBuilder {
  #columns: Columns
  #count = 0
  #names: Buffer
  #namesLength = 0
  readonly #rare: RareFields = { ranges: {}, targets: {}, devices: {}, xattrs: {} }
  #time = splitTime(0n)

  /** Room for `expected` entries before anything must be moved. */
  constructor(expected: number = 256) {
    const rows = Math.max(1, expected)
    this.#columns = allocateColumns(rows)
    this.#names = Buffer.allocUnsafeSlow(rows * nameRoom)
  }

  add(entry: StoredEntry): void {
    if (this.#count === this.#columns.types.length) this.#columns = resized(this.#columns, this.#count * 2)
    const index = this.#count++
    const { seconds, sizes, offsets, nanoseconds, uids, gids, ends, modes, types } = this.#columns
    // most entries have the time of the one before, and big numbers are slow to divide
    if (entry.mtime !== this.#time.mtime) this.#time = splitTime(entry.mtime)
    ends[index] = this.#addName(entry.path)
    types[index] = (numberOf.get(entry.type) ?? 0) | (entry.isLocalTime === true ? localTimeFlag : 0)
    modes[index] = entry.mode
    uids[index] = entry.uid
    gids[index] = entry.gid
    seconds[index] = this.#time.seconds
    nanoseconds[index] = this.#time.nanoseconds
    sizes[index] = entry.size
    offsets[index] = this.#addRanges(index, entry)
    if (entry.linkTarget !== '') this.#rare.targets[index] = entry.linkTarget
    if (entry.major !== 0 || entry.minor !== 0) this.#rare.devices[index] = [entry.major, entry.minor]
    if (entry.xattrs.size > 0) this.#rare.xattrs[index] = encodeXattrs(entry.xattrs)
  }

  /** `size`: bytes of the tar. Nothing may be added after. */
  finish(size: number): LayerTable {
    const names = this.#names.subarray(0, this.#namesLength)
    const columns =
      this.#count === this.#columns.types.length ? this.#columns : resized(this.#columns, this.#count)
    return new LayerTable({ ...columns, names, rare: this.#rare }, size)
  }

  /** Returns where it ends. */
  #addName(path: string): number {
    // at most three bytes of UTF-8 for each unit
    const most = this.#namesLength + path.length * 3
    if (most > this.#names.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(most, this.#names.length * 2))
      this.#names.copy(larger, 0, 0, this.#namesLength)
      this.#names = larger
    }
    this.#namesLength += path.isWellFormed()
      ? this.#names.write(path, this.#namesLength)
      : encodeBytes(path).copy(this.#names, this.#namesLength)
    return this.#namesLength
  }

  #addRanges(index: number, { ranges, size }: StoredEntry): number {
    const [first] = ranges
    if (first === undefined) return noBytes
    if (ranges.length === 1 && first.at === 0 && first.length === size) return first.offset
    this.#rare.ranges[index] = ranges.flatMap(({ at, offset, length }) => [at, offset, length])
    return rareRanges
  }
}

type Columns = ReturnType<typeof allocateColumns>

function resized(columns: Columns, count: number): Columns {
  const target = allocateColumns(count)
  for (const name of Object.keys(columns) as (keyof Columns)[])
    target[name].set(columns[name].subarray(0, Math.min(count, columns[name].length)))
  return target
}

function splitTime(mtime: bigint): { mtime: bigint; seconds: number; nanoseconds: number } {
  const nanoseconds = ((mtime % billion) + billion) % billion
  return { mtime, seconds: Number((mtime - nanoseconds) / billion), nanoseconds: Number(nanoseconds) }
}

function encodeXattrs(xattrs: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]))
}
