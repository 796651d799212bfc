/** Bytes shown before and behind the first one that differs. */
const before = 32
const behind = 48
const blockBytes = 65_536

/** One of two byte streams around the first byte in which they differ. */
export interface Excerpt {
  /** Position of the first of `bytes` in its stream. */
  readonly from: number
  /** Ends where the stream does, so one that is shorter may end right at the difference. */
  readonly bytes: Buffer
}

export interface ByteDifference {
  /** From 0; of a stream that is the beginning of the other one it is its length. */
  readonly offset: number
  readonly first: Excerpt
  readonly second: Excerpt
}

type Bytes = AsyncIterable<Buffer>

/** Where two streams differ first; undefined when they are the same. Holds a block of each at a time. */
export async function firstByteDifference(first: Bytes, second: Bytes): Promise<ByteDifference | undefined> {
  const readers = [new BlockReader(first), new BlockReader(second)] as const
  let offset = 0
  let last: Buffer = Buffer.alloc(0)
  for (;;) {
    const [one, other] = await Promise.all([readers[0].read(blockBytes), readers[1].read(blockBytes)])
    if (one.equals(other)) {
      if (one.length < blockBytes) return undefined
      offset += one.length
      last = one
      continue
    }
    const at = firstIndex(one, other)
    const excerpt = async (block: Buffer, reader: BlockReader): Promise<Excerpt> => {
      const all = Buffer.concat([last.subarray(-before), block, await reader.read(behind)])
      const place = Math.min(last.length, before) + at
      const from = Math.max(0, place - before)
      return { from: offset + at - (place - from), bytes: all.subarray(from, place + behind) }
    }
    return {
      offset: offset + at,
      first: await excerpt(one, readers[0]),
      second: await excerpt(other, readers[1]),
    }
  }
}

function firstIndex(one: Buffer, other: Buffer): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return at
  return length
}

/** Blocks of the size asked for, whatever pieces a stream comes in. */
class BlockReader {
  readonly #pieces: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(bytes: Bytes) {
    this.#pieces = bytes[Symbol.asyncIterator]()
  }

  /** `length` bytes, fewer at the end. */
  async read(length: number): Promise<Buffer> {
    const taken = [this.#rest]
    let count = this.#rest.length
    while (count < length) {
      const { done, value } = await this.#pieces.next()
      if (done === true) break
      taken.push(value)
      count += value.length
    }
    const all = taken.length === 1 ? this.#rest : Buffer.concat(taken)
    this.#rest = all.subarray(length)
    return all.subarray(0, length)
  }
}
