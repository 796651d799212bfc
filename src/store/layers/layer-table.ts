import { decodeBytes } from '../../util/byte-string.ts'
import type { LayerEntryType } from '../store.ts'
import { LocalTimes } from './local-times.ts'
import { noXattrs, type StoredEntry, type StoredRange } from './stored-entry.ts'
import {
  decodeTable,
  encodeTable,
  localTimeFlag,
  noBytes,
  rareRanges,
  type TableColumns,
} from './table-columns.ts'

/** Their positions are what a table has on disk. */
export const entryTypes: readonly LayerEntryType[] = [
  'file',
  'directory',
  'symlink',
  'hardlink',
  'char',
  'block',
  'fifo',
  'whiteout',
  'opaque',
]

/**
 * A layer's table of contents. Stays in columns: an object for each entry, with objects of its own, would take ten times
 * the memory. Its file is a cache: whatever is wrong with it, the tar can be read again.
 */
export class LayerTable {
  readonly #columns: TableColumns
  /** Bytes of the tar. */
  readonly size: number

  constructor(columns: TableColumns, size: number) {
    this.#columns = columns
    this.size = size
  }

  /** Throws for anything that is not the file of a table. */
  static decode(bytes: Buffer): LayerTable {
    const { columns, size } = decodeTable(bytes)
    return new LayerTable(columns, size)
  }

  get count(): number {
    return this.#columns.types.length
  }

  /** In the tar's order. Each reads its columns whenever it is asked for something. */
  entries(): StoredEntry[] {
    const time = sharedTime()
    return Array.from({ length: this.count }, (_, index) => new TableEntry(this.#columns, index, time))
  }

  /** Times alone (nanoseconds), by position. */
  times(): (position: number) => bigint {
    const { seconds, nanoseconds } = this.#columns
    const time = sharedTime()
    return (position) => time(seconds[position] ?? 0, nanoseconds[position] ?? 0)
  }

  localTimes(): LocalTimes {
    return LocalTimes.of(this.#columns)
  }

  /** Its file, in pieces. */
  encode(): Uint8Array[] {
    return encodeTable(this.#columns, this.size)
  }
}

class TableEntry implements StoredEntry {
  readonly #columns: TableColumns
  readonly #index: number
  readonly #time: SharedTime

  constructor(columns: TableColumns, index: number, time: SharedTime) {
    this.#columns = columns
    this.#index = index
    this.#time = time
  }

  get path(): string {
    const { ends, names } = this.#columns
    const start = this.#index === 0 ? 0 : (ends[this.#index - 1] ?? 0)
    const end = ends[this.#index] ?? 0
    const text = names.toString('utf8', start, end)
    return text.includes('\uFFFD') ? decodeBytes(names.subarray(start, end)) : text
  }

  get type(): LayerEntryType {
    return entryTypes[(this.#columns.types[this.#index] ?? 0) & ~localTimeFlag] ?? 'file'
  }

  get mode(): number {
    return this.#columns.modes[this.#index] ?? 0
  }

  get uid(): number {
    return this.#columns.uids[this.#index] ?? 0
  }

  get gid(): number {
    return this.#columns.gids[this.#index] ?? 0
  }

  get mtime(): bigint {
    const { seconds, nanoseconds } = this.#columns
    return this.#time(seconds[this.#index] ?? 0, nanoseconds[this.#index] ?? 0)
  }

  get isLocalTime(): true | undefined {
    return ((this.#columns.types[this.#index] ?? 0) & localTimeFlag) === 0 ? undefined : true
  }

  get size(): number {
    return this.#columns.sizes[this.#index] ?? 0
  }

  get ranges(): readonly StoredRange[] {
    const offset = this.#columns.offsets[this.#index] ?? noBytes
    if (offset === rareRanges) return decodeRanges(this.#columns.rare.ranges[this.#index] ?? [])
    return offset === noBytes ? [] : [{ at: 0, offset, length: this.size }]
  }

  get linkTarget(): string {
    return this.#columns.rare.targets[this.#index] ?? ''
  }

  get major(): number {
    return this.#columns.rare.devices[this.#index]?.[0] ?? 0
  }

  get minor(): number {
    return this.#columns.rare.devices[this.#index]?.[1] ?? 0
  }

  get xattrs(): ReadonlyMap<string, Uint8Array> {
    const xattrs = this.#columns.rare.xattrs[this.#index]
    return xattrs === undefined ? noXattrs : decodeXattrs(xattrs)
  }
}

type SharedTime = (seconds: number, nanoseconds: number) => bigint

const billion = 1_000_000_000n

/** Most entries have the time of the one before: one big number serves them all. */
function sharedTime(): SharedTime {
  let last = { seconds: 0, nanoseconds: 0, time: 0n }
  return (seconds, nanoseconds) => {
    if (seconds !== last.seconds || nanoseconds !== last.nanoseconds)
      last = { seconds, nanoseconds, time: BigInt(seconds) * billion + BigInt(nanoseconds) }
    return last.time
  }
}

function decodeRanges(flat: readonly number[]): readonly StoredRange[] {
  const ranges: StoredRange[] = []
  for (let index = 0; index + 2 < flat.length; index += 3)
    ranges.push({ at: flat[index] ?? 0, offset: flat[index + 1] ?? 0, length: flat[index + 2] ?? 0 })
  return ranges
}

function decodeXattrs(xattrs: Readonly<Record<string, string>>): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]))
}
