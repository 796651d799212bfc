import type { SparseSegment } from './entry.ts'
import { blockSize, field, type GnuSparseLayout } from './format.ts'
import type { TarLimits } from './limits.ts'
import { malformed, overLimit } from './malformed.ts'
import { readNumber } from './numbers.ts'

/**
 * Turns pairs of offset and length into runs of data, which lie one after the other in the tar from `dataOffset` on.
 * Refuses what could be read in two ways: runs that overlap, go back or pass the end, lengths that do not add up to
 * what the tar stores.
 * @throws LAYER_TAR_MALFORMED
 */
export function buildSegments(
  map: readonly number[],
  sizes: { readonly real: number; readonly stored: number },
  dataOffset: number,
): SparseSegment[] {
  if (map.length % 2 !== 0) throw malformed(dataOffset, 'sparse map with an odd count of numbers')
  const segments: SparseSegment[] = []
  let end = 0
  let stored = 0
  for (let i = 0; i < map.length; i += 2) {
    const offset = map[i] ?? 0
    const length = map[i + 1] ?? 0
    if (offset < end || offset + length > sizes.real)
      throw malformed(dataOffset, 'sparse map with runs that overlap or pass the end of the file')
    if (length > 0) segments.push({ offset, length, tarOffset: dataOffset + stored })
    end = offset + length
    stored += length
  }
  if (stored !== sizes.stored)
    throw malformed(dataOffset, `sparse map holds ${String(stored)} bytes, the entry ${String(sizes.stored)}`)
  return segments
}

/**
 * Appends the pairs of an old GNU sparse header or extension block to `map`; true when another block follows.
 * Source: GNU tar manual, "Old GNU Format".
 */
export function readGnuPairs(
  bytes: Uint8Array,
  at: number,
  where: GnuSparseLayout,
  map: number[],
  offset: number,
  limits: TarLimits,
): boolean {
  for (let pair = 0; pair < where.pairs; pair++) {
    const from = at + where.at + pair * 24
    // An empty length field ends the list (GNU tar does the same).
    if (bytes[from + 12] === 0) break
    if (map.length >= 2 * limits.sparseSegments)
      throw overLimit('runs of a sparse file', map.length / 2 + 1, limits.sparseSegments)
    for (const position of [from, from + 12]) {
      const number = readNumber(bytes, position, 12)
      if (number === undefined || number < 0) throw malformed(offset, 'number in a sparse map')
      map.push(number)
    }
  }
  return bytes[at + where.more] !== 0
}

/** Whole length of an old GNU sparse file. */
export function readGnuRealSize(bytes: Uint8Array, at: number, offset: number, limits: TarLimits): number {
  const [from, length] = field.gnuRealSize
  const size = readNumber(bytes, at + from, length)
  // 4 EiB fits the field but no safe number: as far beyond the limit as nonsense is.
  if (size === undefined) throw overLimit('size of a sparse file', Infinity, limits.fileBytes)
  if (size < 0) throw malformed(offset, 'negative size of a sparse file')
  if (size > limits.fileBytes) throw overLimit('size of a sparse file', size, limits.fileBytes)
  return size
}

/** Reads the decimal lines that start the data of a PAX 1.0 sparse file: a count, then pairs; padded to a block. */
export class SparseMapReader {
  readonly map: number[] = []
  readonly #limits: TarLimits
  readonly #offset: number
  #count: number | undefined
  #digits = ''

  constructor(offset: number, limits: TarLimits) {
    this.#offset = offset
    this.#limits = limits
  }

  /** Takes one block; true when the map is complete (the rest of the block is padding). */
  push(bytes: Uint8Array, at: number): boolean {
    for (let i = at; i < at + blockSize; i++) {
      const byte = bytes[i] ?? 0
      if (byte === 0x0a) {
        if (this.#endOfLine()) return true
        continue
      }
      if (byte < 0x30 || byte > 0x39 || this.#digits.length >= 19)
        throw malformed(this.#offset, 'sparse map holds something that is no number')
      this.#digits += String.fromCharCode(byte)
    }
    return false
  }

  #endOfLine(): boolean {
    const number = Number(this.#digits)
    if (this.#digits === '' || !Number.isSafeInteger(number))
      throw malformed(this.#offset, 'sparse map holds something that is no number')
    this.#digits = ''
    if (this.#count === undefined) {
      if (number > this.#limits.sparseSegments)
        throw overLimit('runs of a sparse file', number, this.#limits.sparseSegments)
      this.#count = number
    } else this.map.push(number)
    return this.map.length === 2 * this.#count
  }
}
