import { failure } from './errors.ts'

/** Biggest window that is decoded (2^27): a decoder must keep this much of its output. Skopeo and Docker take the same. */
const maxZstdWindow: number = 128 * 1024 * 1024

/**
 * Cuts zstd data at the ends of its frames, so that each piece lies in one frame. Node's decoder silently drops what
 * follows a frame inside one chunk: a layer of several frames (pzstd, zstd:chunked) would be cut, rubbish would pass.
 * Skippable frames are left out. Source: RFC 8878, 3.1.
 */
export class ZstdFrameSplitter {
  /** Bytes of a header in the making. */
  #held: Buffer = Buffer.alloc(0)
  #state: 'frame' | 'block' = 'frame'
  /** Bytes that are passed on (or dropped, in a skippable frame) unlooked at. */
  #left = 0
  #skipping = false
  #last = false
  #checksum = false
  #frames = 0

  /** Is the input so far a whole number of frames, and more than none? */
  get complete(): boolean {
    return this.#frames > 0 && this.#state === 'frame' && this.#left === 0 && this.#held.length === 0
  }

  /** @throws COMPRESSION_CORRUPT, COMPRESSION_TRAILING, LAYER_LIMIT */
  *push(chunk: Buffer): Generator<Buffer, void, undefined> {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#left > 0) {
        const piece = rest.subarray(0, this.#left)
        this.#left -= piece.length
        rest = rest.subarray(piece.length)
        if (!this.#skipping) yield piece
        if (this.#left === 0) this.#skipping = false
        continue
      }
      const before = this.#held.length
      const joined = Buffer.concat([this.#held, rest.subarray(0, 18)])
      const length = this.#state === 'frame' ? this.#frameHeader(joined) : this.#blockHeader(joined)
      if (length === undefined) {
        this.#held = joined
        rest = rest.subarray(joined.length - before)
        continue
      }
      this.#held = Buffer.alloc(0)
      rest = rest.subarray(length - before)
      if (!this.#skipping) yield joined.subarray(0, length)
      if (this.#left === 0) this.#skipping = false
    }
  }

  /** Length of the header at the start of `bytes`; undefined while more bytes are needed. */
  #frameHeader(bytes: Buffer): number | undefined {
    if (bytes.length < 5) return undefined
    const magic = bytes.readUInt32LE(0)
    if ((magic & 0xffff_fff0) >>> 0 === 0x184d_2a50) {
      if (bytes.length < 8) return undefined
      this.#left = bytes.readUInt32LE(4)
      this.#skipping = true
      this.#frames++
      return 8
    }
    if (magic !== 0xfd2f_b528) {
      if (this.#frames > 0) throw failure('COMPRESSION_TRAILING', { format: 'zstd', bytes: bytes.length })
      throw failure('COMPRESSION_CORRUPT', { format: 'zstd', reason: 'no zstd frame' })
    }
    const descriptor = bytes[4] ?? 0
    const single = (descriptor & 0x20) !== 0
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
    const length = 5 + (single ? 0 : 1) + dictionaryBytes + sizeBytes
    if (bytes.length < length) return undefined
    const window = single ? readSize(bytes, 5 + dictionaryBytes, sizeBytes) : windowOf(bytes[5] ?? 0)
    if (window > BigInt(maxZstdWindow))
      throw failure('LAYER_LIMIT', { what: 'zstd window', found: window, limit: maxZstdWindow })
    this.#checksum = (descriptor & 4) !== 0
    this.#last = false
    this.#state = 'block'
    return length
  }

  #blockHeader(bytes: Buffer): number | undefined {
    if (bytes.length < 3) return undefined
    const header = bytes.readUIntLE(0, 3)
    const type = (header >> 1) & 3
    if (type === 3) throw failure('COMPRESSION_CORRUPT', { format: 'zstd', reason: 'reserved block type' })
    this.#last = (header & 1) !== 0
    // An RLE block is one byte, whatever length it stands for.
    this.#left = type === 1 ? 1 : header >> 3
    if (this.#last) {
      this.#left += this.#checksum ? 4 : 0
      this.#state = 'frame'
      this.#frames++
    }
    return 3
  }
}

function windowOf(descriptor: number): bigint {
  const base = 1n << BigInt(10 + (descriptor >> 3))
  return base + (base / 8n) * BigInt(descriptor & 7)
}

/** Content size of a single-segment frame, which is its window too. */
function readSize(bytes: Buffer, at: number, length: number): bigint {
  if (length === 8) return bytes.readBigUInt64LE(at)
  return BigInt(bytes.readUIntLE(at, length)) + (length === 2 ? 256n : 0n)
}
