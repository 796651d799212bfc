import type { WorkerPool } from '../../util/worker-pool.ts'
import type { FileBody, FilePlace } from '../file-body.ts'
import { bytesHead, putBytes, putFile, putFolder, stepRoom } from './sink-program.ts'
import type { TarSink } from './tar-sink.ts'

/** What the thread is given. */
export interface SinkJob {
  readonly file: number
  /** Of `file`, for errors. */
  readonly path: string
  /** The folder that places are in; -1 when there are none. */
  readonly data: SharedArrayBuffer
  /** For each place in `data`: the bytes of steps in it, `free`, or `end`. */
  readonly state: SharedArrayBuffer
  readonly placeSize: number
  /** SHA-256 of files, 32 bytes each, and for each a byte that says whether it has attributes. */
  readonly digests: SharedArrayBuffer
  readonly attributes: SharedArrayBuffer
}

export const sinkStates = { free: 0, end: -1 } as const
/** Enough to be ahead of the other thread; more would only be memory, as it is the slower one. */
const places = 6

/**
 * Tells another thread what to write, so that this one can go on: bytes, and files that it opens, reads and checks by
 * itself. What it found of them is told to their bodies at the end.
 */
export class ThreadSink implements TarSink {
  readonly isThread = true
  readonly #buffers: readonly Buffer[]
  readonly #state: Int32Array<SharedArrayBuffer>
  readonly #digests: Buffer
  readonly #attributes: Uint8Array
  readonly #result: Promise<string>
  readonly #wanted: FilePlace[] = []
  #folder: string | undefined
  #at = 0
  #used = 0
  #isEnded = false

  constructor(
    options: {
      readonly file: number
      readonly path: string
      readonly count: number
      readonly placeSize: number
    },
    threads: WorkerPool,
  ) {
    const { file, path, count, placeSize } = options
    const data = new SharedArrayBuffer(places * placeSize)
    const state = new SharedArrayBuffer(places * 4)
    const digests = new SharedArrayBuffer(count * 32)
    const attributes = new SharedArrayBuffer(count)
    this.#buffers = Array.from({ length: places }, (_, index) =>
      Buffer.from(data, index * placeSize, placeSize),
    )
    this.#state = new Int32Array(state)
    this.#digests = Buffer.from(digests)
    this.#attributes = new Uint8Array(attributes)
    const job: SinkJob = { file, path, data, state, placeSize, digests, attributes }
    this.#result = threads.run(job) as Promise<string>
    // asked for by whoever waits, at the latest by `end`
    this.#result.catch(() => undefined)
  }

  get buffer(): Buffer {
    return this.#buffers[this.#at] as Buffer
  }

  room(length: number): number {
    this.#step(length + bytesHead)
    return this.#used + bytesHead
  }

  commit(length: number): void {
    if (length === 0) return
    putBytes(this.buffer, this.#used, length)
    this.#used += bytesHead + length
  }

  take(body: FileBody): boolean {
    if (body.kind !== 'descriptor' || body.place === undefined) return false
    const { place } = body
    const folder = `${place.root}:${place.folder}`
    if (folder !== this.#folder) {
      this.#step(stepRoom(folder))
      this.#used += putFolder(this.buffer, this.#used, folder)
      this.#folder = folder
    }
    const digest = body.wantsDigest === true ? this.#wanted.push(place) - 1 : -1
    this.#step(stepRoom(place.name))
    const { name, status } = place
    this.#used += putFile(this.buffer, this.#used, { name, digest, status })
    return true
  }

  reserve(): Promise<void> | undefined {
    const next = (this.#at + 2) % places
    return Atomics.load(this.#state, next) === sinkStates.free ? undefined : this.#wait(next)
  }

  async end(): Promise<string> {
    this.#flush()
    await this.#wait(this.#at)
    this.#finish()
    const result = await this.#result
    for (const [index, place] of this.#wanted.entries()) {
      place.learn(this.#digests.subarray(index * 32, index * 32 + 32), this.#attributes[index] === 1)
    }
    return result
  }

  [Symbol.dispose](): void {
    this.#finish()
  }

  #step(length: number): void {
    if (this.buffer.length - this.#used < length) this.#flush()
  }

  #flush(): void {
    if (this.#used === 0) return
    this.#set(this.#used)
    this.#at = (this.#at + 1) % places
    this.#used = 0
  }

  /** Until the thread has taken what is in `place`, and with it all before; it may have failed instead. */
  async #wait(place: number): Promise<void> {
    for (;;) {
      const found = Atomics.load(this.#state, place)
      if (found === sinkStates.free) return
      const waiting = Atomics.waitAsync(this.#state, place, found)
      if (waiting.async) await Promise.race([waiting.value, this.#result])
    }
  }

  #finish(): void {
    if (!this.#isEnded) this.#set(sinkStates.end)
    this.#isEnded = true
  }

  #set(value: number): void {
    Atomics.store(this.#state, this.#at, value)
    Atomics.notify(this.#state, this.#at)
  }
}
