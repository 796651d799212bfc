import { BitWriter } from './bit-writer.ts'
import { Block, writeStored } from './block.ts'
import { type Effort, MatchFinder } from './match-finder.ts'

/** As zlib counts: 0 stores, 9 is smallest. */
export type DeflateLevel = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9

const efforts: Readonly<Record<Exclude<DeflateLevel, 0>, Effort>> = {
  1: { candidates: 1, good: 4, enough: 16 },
  2: { candidates: 2, good: 4, enough: 24 },
  3: { candidates: 4, good: 16, enough: 32 },
  4: { candidates: 8, good: 32, enough: 64 },
  5: { candidates: 12, good: 32, enough: 96 },
  6: { candidates: 24, good: 64, enough: 128 },
  7: { candidates: 48, good: 128, enough: 258 },
  8: { candidates: 128, good: 258, enough: 258 },
  9: { candidates: 1024, good: 258, enough: 258 },
}
/** Literals in a row after which the data is taken for compressed already, and less looked at. */
const dull = 256
const mostSkipped = 16

/**
 * Writes the deflate format (RFC 1951). The bytes depend on input and level alone: nothing here but integer arithmetic,
 * which is the same on every processor and in every version of Node. Keeps its memory for the next input.
 */
export class Deflater {
  readonly #finder = new MatchFinder()
  readonly #block = new Block()
  #memory: Uint8Array = new Uint8Array(0)

  /** A view of memory that the next call writes over. */
  deflate(input: Uint8Array, level: DeflateLevel): Uint8Array {
    // a block that would be longer than the data is stored: five bytes for each 64 KiB, or for a block's few symbols
    const most = input.length + (input.length >> 8) + 1024
    if (this.#memory.length < most) this.#memory = new Uint8Array(most)
    const out = new BitWriter(this.#memory)
    if (level === 0) writeStored(out, input, true)
    else this.#writeBlocks(out, input, efforts[level])
    out.align()
    return out.bytes.subarray(0, out.length)
  }

  #writeBlocks(out: BitWriter, input: Uint8Array, effort: Effort): void {
    const finder = this.#finder
    const block = this.#block
    finder.begin(input, effort)
    let written = 0
    let at = 0
    let literals = 0
    // a match that begins one byte before `at`, held back: if one at `at` is longer, that byte becomes a literal
    let held = 0
    while (at < input.length) {
      const found = finder.find(at, held >>> 16)
      if (found !== 0 && found >>> 16 < effort.good) {
        if (held !== 0) block.literal(input[at - 1] as number)
        held = found
        at++
      } else if (found !== 0 || held !== 0) {
        if (found !== 0 && held !== 0) block.literal(input[at - 1] as number)
        const match = found === 0 ? held : found
        const end = (found === 0 ? at - 1 : at) + (match >>> 16)
        block.match(match >>> 16, match & 0xffff)
        finder.skip(at + 1, end)
        at = end
        held = 0
        literals = 0
      } else {
        block.literal(input[at++] as number)
        for (let left = Math.min(++literals / dull, mostSkipped); left >= 1 && at < input.length; left--)
          block.literal(input[at++] as number)
      }
      if (!block.isFull) continue
      const upTo = held === 0 ? at : at - 1
      block.write(out, input.subarray(written, upTo), false)
      written = upTo
    }
    block.write(out, input.subarray(written), true)
  }
}
