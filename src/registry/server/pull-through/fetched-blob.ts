import { Readable } from 'node:stream'

/** Bytes that wait for one reader; one that is slower than the upstream reads the rest from the storage. */
const mostWaiting = 1024 * 1024

/**
 * A blob that is on its way from upstream into the storage. Whoever wants it meanwhile reads along, and no reader, however
 * slow, holds up the others: what it missed comes from the storage.
 */
export class FetchedBlob {
  readonly size: number
  readonly #store: (pass: (bytes: AsyncIterable<Buffer>) => Readable) => Promise<void>
  readonly #stored: (offset: number) => Promise<Readable>
  readonly #readers = new Set<Reader>()
  readonly #end = Promise.withResolvers<void>()
  #state: 'waiting' | 'asked' | 'coming' = 'waiting'

  /** `store` is given the bytes' way into the storage; `stored` opens them there, from a byte on. */
  constructor(
    size: number,
    store: (pass: (bytes: AsyncIterable<Buffer>) => Readable) => Promise<void>,
    stored: (offset: number) => Promise<Readable>,
  ) {
    this.size = size
    this.#store = store
    this.#stored = stored
    // told to whoever waits; nobody may
    this.done.catch(() => {})
  }

  /** Ends when all bytes are in the storage; fails as the fetch did. */
  get done(): Promise<void> {
    return this.#end.promise
  }

  /** Fetches, if nobody has asked before. Ends as `done`. */
  async whole(): Promise<void> {
    if (this.#state === 'waiting') {
      this.#state = 'asked'
      this.#store((bytes) => Readable.from(this.#pass(bytes), { objectMode: false })).then(
        this.#end.resolve,
        this.#end.reject,
      )
    }
    await this.done
  }

  read(): Readable {
    // who comes late reads from the storage alone
    const reader = this.#state === 'coming' ? undefined : new Reader()
    const body = Readable.from(this.#follow(reader), { objectMode: false })
    if (reader !== undefined) {
      this.#readers.add(reader)
      body.once('close', () => this.#readers.delete(reader))
    }
    this.whole().catch(() => {})
    return body
  }

  async *#pass(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    this.#state = 'coming'
    for await (const chunk of bytes) {
      for (const reader of this.#readers) reader.offer(chunk)
      yield chunk
    }
  }

  async *#follow(reader: Reader | undefined): AsyncGenerator<Buffer> {
    let offset = 0
    for await (const chunk of reader === undefined ? [] : this.#live(reader)) {
      offset += chunk.length
      yield chunk
    }
    await this.done
    if (offset < this.size) yield* (await this.#stored(offset)) as AsyncIterable<Buffer>
  }

  /** What comes while the reader keeps up. */
  async *#live(reader: Reader): AsyncGenerator<Buffer> {
    const over = this.done.then(
      () => true,
      () => true,
    )
    for (let isOver = false; ;) {
      const chunk = reader.take()
      if (chunk !== undefined) yield chunk
      else if (isOver || reader.isBehind) return
      else isOver = await Promise.race([reader.woken(), over])
    }
  }
}

class Reader {
  readonly #waiting: Buffer[] = []
  #size = 0
  #wake: (isOver: false) => void = () => {}
  isBehind = false

  offer(chunk: Buffer): void {
    if (this.isBehind) return
    if (this.#size + chunk.length > mostWaiting) this.isBehind = true
    else {
      this.#waiting.push(chunk)
      this.#size += chunk.length
    }
    this.#wake(false)
  }

  take(): Buffer | undefined {
    const chunk = this.#waiting.shift()
    this.#size -= chunk?.length ?? 0
    return chunk
  }

  /** When there is more to take: false, as nothing is over. */
  woken(): Promise<false> {
    return new Promise((resolve) => (this.#wake = resolve))
  }
}
