import type { BitWriter } from './bit-writer.ts'
import { codeLengths, codesOf } from './huffman.ts'
import {
  codeOfDistance,
  codeOfLength,
  distanceBase,
  distanceCodes,
  distanceExtra,
  endOfBlock,
  firstLength,
  lengthBase,
  lengthExtra,
  literalCodes,
} from './tables.ts'

/** Symbols of one block: few enough that its codes fit the data, enough that their tables do not weigh. */
const blockSymbols = 32_768
/** Room above `blockSymbols`: a block need not end at once. */
const spareSymbols = 32

const longestCode = 15
const longestLengthCode = 7
/** In which order the lengths of the codes for lengths are stored, and their extra bits. Source: RFC 1951, 3.2.7. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
const repeatBits: Readonly<Record<number, number>> = { 16: 2, 17: 3, 18: 7 }
const longestStored = 65_535

/** Literals and matches, gathered until they are written with codes made for them. */
export class Block {
  /** A literal's byte, or a match: its length above bit 16, its distance below. */
  readonly #symbols = new Uint32Array(blockSymbols + spareSymbols)
  readonly #literals = new Uint32Array(literalCodes)
  readonly #distances = new Uint32Array(distanceCodes)
  #count = 0

  get isFull(): boolean {
    return this.#count >= blockSymbols
  }

  literal(byte: number): void {
    this.#symbols[this.#count++] = byte
    this.#literals[byte] = (this.#literals[byte] as number) + 1
  }

  match(length: number, distance: number): void {
    this.#symbols[this.#count++] = (length << 16) | distance
    const code = firstLength + (codeOfLength[length] as number)
    this.#literals[code] = (this.#literals[code] as number) + 1
    const far = codeOfDistance(distance)
    this.#distances[far] = (this.#distances[far] as number) + 1
  }

  /** Writes what was gathered, which are the bytes of `input`, compressed or as they are, whichever is shorter. Begins anew. */
  write(out: BitWriter, input: Uint8Array, isLast: boolean): void {
    this.#literals[endOfBlock] = 1
    const literals = codeLengths(this.#literals, longestCode)
    const distances = codeLengths(this.#distances, longestCode)
    const header = new CodeHeader(literals, distances)
    const bits =
      header.bits +
      weigh(this.#literals, literals, (code) => lengthExtra[code - firstLength] ?? 0) +
      weigh(this.#distances, distances, (code) => distanceExtra[code] as number)
    if (bits < input.length * 8) {
      out.put(isLast ? 1 : 0, 1)
      out.put(2, 2)
      header.write(out)
      this.#writeSymbols(out, codesOf(literals), codesOf(distances))
    } else writeStored(out, input, isLast)
    this.#literals.fill(0)
    this.#distances.fill(0)
    this.#count = 0
  }

  #writeSymbols(out: BitWriter, literals: Uint32Array, distances: Uint32Array): void {
    for (let index = 0; index < this.#count; index++) {
      const symbol = this.#symbols[index] as number
      if (symbol <= 0xff) {
        const code = literals[symbol] as number
        out.put(code & 0xffff, code >>> 16)
        continue
      }
      const length = symbol >>> 16
      const lengthCode = codeOfLength[length] as number
      const near = literals[firstLength + lengthCode] as number
      out.put(near & 0xffff, near >>> 16)
      out.put(length - (lengthBase[lengthCode] as number), lengthExtra[lengthCode] as number)
      const distance = symbol & 0xffff
      const distanceCode = codeOfDistance(distance)
      const far = distances[distanceCode] as number
      out.put(far & 0xffff, far >>> 16)
      out.put(distance - (distanceBase[distanceCode] as number), distanceExtra[distanceCode] as number)
    }
    const end = literals[endOfBlock] as number
    out.put(end & 0xffff, end >>> 16)
  }
}

/** Data as it is, in as many stored blocks as it takes. */
export function writeStored(out: BitWriter, input: Uint8Array, isLast: boolean): void {
  let at = 0
  do {
    const piece = input.subarray(at, at + longestStored)
    at += piece.length
    out.put(isLast && at === input.length ? 1 : 0, 1)
    out.put(0, 2)
    out.align()
    out.put(piece.length, 16)
    out.put(~piece.length & 0xffff, 16)
    out.copy(piece)
  } while (at < input.length)
}

/** Bits of all symbols with their codes and extra bits. */
function weigh(frequencies: Uint32Array, lengths: Uint8Array, extra: (code: number) => number): number {
  return frequencies.reduce((sum, count, code) => sum + count * ((lengths[code] as number) + extra(code)), 0)
}

/** The lengths of a block's codes, themselves run-length coded and Huffman coded (RFC 1951, 3.2.7). */
class CodeHeader {
  readonly #literals: number
  readonly #distances: number
  readonly #runs: readonly { readonly symbol: number; readonly repeat: number }[]
  readonly #lengths: Uint8Array
  readonly #stored: number
  /** What the whole header takes, the block's own three bits with it. */
  readonly bits: number

  constructor(literals: Uint8Array, distances: Uint8Array) {
    this.#literals = Math.max(usedPart(literals), endOfBlock + 1)
    this.#distances = Math.max(usedPart(distances), 1)
    this.#runs = [
      ...runsOf([...literals.subarray(0, this.#literals), ...distances.subarray(0, this.#distances)]),
    ]
    const frequencies = new Uint32Array(lengthOrder.length)
    for (const { symbol } of this.#runs) frequencies[symbol] = (frequencies[symbol] as number) + 1
    this.#lengths = codeLengths(frequencies, longestLengthCode)
    const ordered = lengthOrder.map((symbol) => this.#lengths[symbol] as number)
    this.#stored = Math.max(4, ordered.findLastIndex((length) => length > 0) + 1)
    this.bits = 17 + 3 * this.#stored + weigh(frequencies, this.#lengths, (symbol) => repeatBits[symbol] ?? 0)
  }

  write(out: BitWriter): void {
    out.put(this.#literals - (endOfBlock + 1), 5)
    out.put(this.#distances - 1, 5)
    out.put(this.#stored - 4, 4)
    for (const symbol of lengthOrder.slice(0, this.#stored)) out.put(this.#lengths[symbol] as number, 3)
    const codes = codesOf(this.#lengths)
    for (const { symbol, repeat } of this.#runs) {
      const code = codes[symbol] as number
      out.put(code & 0xffff, code >>> 16)
      out.put(repeat, repeatBits[symbol] ?? 0)
    }
  }
}

function usedPart(lengths: Uint8Array): number {
  return lengths.findLastIndex((length) => length > 0) + 1
}

/** 18: 11 to 138 zeros, 17: 3 to 10 zeros, 16: the last length again 3 to 6 times. */
function* runsOf(
  lengths: readonly number[],
): Generator<{ readonly symbol: number; readonly repeat: number }> {
  for (let at = 0; at < lengths.length;) {
    const length = lengths[at] as number
    const end = lengths.findIndex((other, index) => index > at && other !== length)
    let left = (end < 0 ? lengths.length : end) - at
    at += left
    if (length !== 0) {
      yield { symbol: length, repeat: 0 }
      left--
    }
    while (left >= 3) {
      const [symbol, least, most] = length !== 0 ? [16, 3, 6] : left >= 11 ? [18, 11, 138] : [17, 3, 10]
      const run = Math.min(left, most)
      yield { symbol, repeat: run - least }
      left -= run
    }
    for (; left > 0; left--) yield { symbol: length, repeat: 0 }
  }
}
