/**
 * Bytes that look like programs to a compressor (about a third of the size remains) and are the same in every run:
 * pieces of a pool of noise, some new, most repeated.
 */
export class Contents {
  readonly #noise: Buffer
  readonly #words: Buffer
  #state: number

  constructor(seed: number) {
    this.#state = seed
    this.#noise = Buffer.allocUnsafe(1024 * 1024)
    for (let at = 0; at < this.#noise.length; at += 4) this.#noise.writeUInt32LE(this.next(), at)
    this.#words = Buffer.from(
      Array.from({ length: 64 }, (_, index) => `word${index} = call(${index}); `).join(''),
    )
  }

  /** The next number of 32 bits (xorshift32). */
  next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state
  }

  /** A file of `size` bytes. */
  bytes(size: number): Buffer {
    const made = Buffer.allocUnsafe(size)
    for (let at = 0; at < size;) {
      const fresh = this.next() % 3 === 0
      const source = fresh ? this.#noise : this.#words
      const length = Math.min(size - at, 64 + (this.next() % 512))
      const from = this.next() % (source.length - Math.min(length, source.length - 1))
      at += source.copy(made, at, from, Math.min(from + length, source.length))
    }
    return made
  }

  /** Sizes as in real trees: many small files, few big ones, `mean` bytes on average. */
  size(mean: number): number {
    const spread = this.next() / 2 ** 32
    return Math.floor(mean * 4 * spread ** 3)
  }
}
