import { Readable } from 'node:stream'
import type { TarEntry } from './entry.ts'
import { TarParser, type TarParserOptions } from './parser.ts'

/** An entry with its bytes. */
export interface TarMember {
  readonly entry: TarEntry
  /**
   * The file as it is meant to be: holes of a sparse file are zeros. Read it before asking for the next member; what
   * is not read is skipped.
   */
  readonly body: Readable
}

type Event = TarEntry | Buffer

/**
 * The members of a tar, in its order, with their bytes. Holds one chunk of the source at a time. Drains the source, so
 * that a verifying stream sees its end.
 * @throws what `TarParser` throws
 */
export async function* readTar(
  source: AsyncIterable<Buffer>,
  options: TarParserOptions = {},
): AsyncGenerator<TarMember, void, undefined> {
  const events = new EventQueue(source, options)
  try {
    for (;;) {
      const event = await events.next()
      if (event === undefined) return
      if (Buffer.isBuffer(event)) continue
      const bytes = event.sparse === undefined ? events.data() : fillHoles(event, event.sparse, events.data())
      const body = Readable.from(bytes, { objectMode: false })
      // Who stops reading may stop listening; the failure comes again with the next member.
      body.on('error', () => undefined)
      yield { entry: event, body }
      body.destroy()
      // Waits for a read in flight, which shares the queue.
      await bytes.return()
    }
  } finally {
    await events.close()
  }
}

/** Turns pushes of the parser into pulls: one chunk of the source is parsed when the last one's events are used up. */
class EventQueue {
  readonly #chunks: AsyncIterator<Buffer>
  readonly #parser: TarParser
  #events: Event[] = []
  #at = 0
  #ended = false
  #failure: { readonly error: unknown } | undefined

  constructor(source: AsyncIterable<Buffer>, options: TarParserOptions) {
    this.#chunks = source[Symbol.asyncIterator]()
    const add = (event: Event): void => void this.#events.push(event)
    this.#parser = new TarParser({ entry: add, data: add }, options)
  }

  async #peek(): Promise<Event | undefined> {
    if (this.#failure !== undefined) throw this.#failure.error
    try {
      while (this.#at === this.#events.length && !this.#ended) await this.#fill()
    } catch (error) {
      this.#failure = { error }
      throw error
    }
    return this.#events[this.#at]
  }

  async #fill(): Promise<void> {
    this.#events = []
    this.#at = 0
    const { done, value } = await this.#chunks.next()
    if (done !== true) return this.#parser.push(value)
    this.#ended = true
    this.#parser.end()
  }

  async next(): Promise<Event | undefined> {
    const event = await this.#peek()
    if (event !== undefined) this.#at++
    return event
  }

  /** Pieces of the current entry, up to the next entry. */
  async *data(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const event = await this.#peek()
      if (!Buffer.isBuffer(event)) return
      this.#at++
      yield event
    }
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#chunks.return?.()
  }
}

const zeros = Buffer.alloc(65_536)

async function* fillHoles(
  entry: TarEntry,
  segments: NonNullable<TarEntry['sparse']>,
  data: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  let position = 0
  let index = 0
  for await (let piece of data)
    while (piece.length > 0) {
      const segment = segments[index]
      if (segment === undefined) break
      yield* zerosOf(segment.offset - position)
      position = Math.max(position, segment.offset)
      const take = piece.subarray(0, segment.offset + segment.length - position)
      yield take
      position += take.length
      piece = piece.subarray(take.length)
      if (position === segment.offset + segment.length) index++
    }
  yield* zerosOf(entry.size - position)
}

function* zerosOf(length: number): Generator<Buffer, void, undefined> {
  for (let left = length; left > 0; left -= zeros.length) yield zeros.subarray(0, left)
}
