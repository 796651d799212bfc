import { crc32 } from 'node:zlib'

/**
 * A layer's table of contents: one row an entry, in columns. On disk: magic, a CRC-32 of all that follows, bytes of the
 * tar (64-bit float), number of rows, lengths of `names` and of `rare` as JSON, number of rows with `localTimeFlag` plus one
 * (zero: not counted); then the columns in the order in which
 * they stand here, which keeps each aligned, `names` and `rare`. Little-endian.
 */
export interface TableColumns {
  /** Modification time; negative before 1970. */
  readonly seconds: Float64Array
  readonly sizes: Float64Array
  /** A plain file's offset in the tar, `noBytes`, or `rareRanges`. */
  readonly offsets: Float64Array
  readonly nanoseconds: Uint32Array
  readonly uids: Uint32Array
  readonly gids: Uint32Array
  /** Where each path ends in `names`; it begins where the one before ends. */
  readonly ends: Uint32Array
  readonly modes: Uint16Array
  /** Position in `entryTypes`, and `localTimeFlag`. */
  readonly types: Uint8Array
  /** All paths, one behind the other. */
  readonly names: Buffer
  readonly rare: RareFields
}

/** By row number. */
export interface RareFields {
  /** Of a sparse file, flat: position in the file, in the tar, length. */
  readonly ranges: Record<string, readonly number[]>
  readonly targets: Record<string, string>
  readonly devices: Record<string, readonly [major: number, minor: number]>
  /** Values in base64. */
  readonly xattrs: Record<string, Readonly<Record<string, string>>>
}

export const localTimeFlag = 0x80
export const noBytes: number = -1
export const rareRanges: number = -2

const magic = 0x32_74_6c_6d
const headBytes = 32
const rowBytes = 3 * 8 + 4 * 4 + 2 + 1

export interface TableHead {
  /** Bytes of the tar. */
  readonly size: number
  readonly entries: number
  /** Entries whose time is this machine's own; undefined in tables that do not tell. */
  readonly localTimes: number | undefined
}

/** As much of a table's file as `decodeTableHead` needs. */
export const tableHeadLength: number = headBytes

/** Undefined when it is not the beginning of a table. */
export function decodeTableHead(bytes: Buffer): TableHead | undefined {
  if (bytes.length < headBytes || bytes.readUInt32LE(0) !== magic) return undefined
  const counted = bytes.readUInt32LE(28)
  const localTimes = counted === 0 ? undefined : counted - 1
  return { size: bytes.readDoubleLE(8), entries: bytes.readUInt32LE(16), localTimes }
}

/** Columns of `count` rows; of all but `names` and `rare`. */
export function allocateColumns(count: number): Omit<TableColumns, 'names' | 'rare'> {
  return viewColumns(new ArrayBuffer(count * rowBytes), 0, count)
}

function viewColumns(
  buffer: ArrayBufferLike,
  start: number,
  count: number,
): Omit<TableColumns, 'names' | 'rare'> {
  let at = start
  const next = (width: number): number => (at += count * width) - count * width
  return {
    seconds: new Float64Array(buffer, next(8), count),
    sizes: new Float64Array(buffer, next(8), count),
    offsets: new Float64Array(buffer, next(8), count),
    nanoseconds: new Uint32Array(buffer, next(4), count),
    uids: new Uint32Array(buffer, next(4), count),
    gids: new Uint32Array(buffer, next(4), count),
    ends: new Uint32Array(buffer, next(4), count),
    modes: new Uint16Array(buffer, next(2), count),
    types: new Uint8Array(buffer, next(1), count),
  }
}

/** The file, in pieces: it is large, and the columns are there already. */
export function encodeTable(columns: TableColumns, size: number): Uint8Array[] {
  const { seconds, sizes, offsets, nanoseconds, uids, gids, ends, modes, types, names } = columns
  const rare = Buffer.from(JSON.stringify(columns.rare))
  const numbers = [seconds, sizes, offsets, nanoseconds, uids, gids, ends, modes, types]
  const body = [...numbers.map(bytesOf), names, rare]
  const head = Buffer.alloc(headBytes)
  head.writeUInt32LE(magic, 0)
  head.writeDoubleLE(size, 8)
  head.writeUInt32LE(seconds.length, 16)
  head.writeUInt32LE(names.length, 20)
  head.writeUInt32LE(rare.length, 24)
  head.writeUInt32LE(
    types.reduce((sum, type) => ((type & localTimeFlag) === 0 ? sum : sum + 1), 1),
    28,
  )
  head.writeUInt32LE(
    [head.subarray(8), ...body].reduce((sum, bytes) => crc32(bytes, sum), 0),
    4,
  )
  return [head, ...body]
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** Views of `bytes`. Throws for anything that is not a whole table. */
export function decodeTable(bytes: Buffer): { readonly columns: TableColumns; readonly size: number } {
  // typed arrays need the alignment that a pooled buffer may lack
  if (bytes.byteOffset % 8 !== 0) return decodeTable(Buffer.from(new Uint8Array(bytes).buffer))
  const head = decodeTableHead(bytes)
  // after a power cut the file may hold zeros where data was to come
  if (head === undefined || crc32(bytes.subarray(8)) !== bytes.readUInt32LE(4))
    throw new TypeError('not a layer table')
  const namesAt = headBytes + head.entries * rowBytes
  const rareAt = namesAt + bytes.readUInt32LE(20)
  const numbers = viewColumns(bytes.buffer, bytes.byteOffset + headBytes, head.entries)
  const rare = JSON.parse(bytes.toString('utf8', rareAt)) as RareFields
  return { size: head.size, columns: { ...numbers, names: bytes.subarray(namesAt, rareAt), rare } }
}
