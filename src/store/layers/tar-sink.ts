import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { WorkerPool } from '../../util/worker-pool.ts'

/** Takes the bytes of a tar in order, hashes and writes them. The file is the caller's. */
export interface TarSink extends Disposable {
  /** Where the next bytes go; always of `sinkSize`. */
  readonly buffer: Buffer
  /** Gives away the first `used` bytes of `buffer`, which is another one afterwards. */
  flush(used: number): void
  /** To be awaited before more is put in than what `buffer` and one further one take. Undefined: go on. */
  reserve(): Promise<void> | undefined
  /** SHA-256 of all, in hex, once everything is written. */
  end(): Promise<string>
}

export const sinkSize = 1_048_576

/** Writes to the open file `file`; `path` is for errors. Above `threadSize` bytes a second thread hashes and writes. */
export function openSink(file: number, path: string, size: number, threads: WorkerPool | undefined): TarSink {
  return threads === undefined || size < threadSize
    ? new DirectSink(file, path)
    : new ThreadSink(file, path, threads)
}

/** Starting a thread costs 20 ms of a processor. */
const threadSize = 24 * sinkSize

class DirectSink implements TarSink {
  readonly buffer: Buffer = Buffer.allocUnsafeSlow(sinkSize)
  readonly #hash = createHash('sha256')
  readonly #file: number
  readonly #path: string

  constructor(file: number, path: string) {
    this.#file = file
    this.#path = path
  }

  flush(used: number): void {
    const bytes = this.buffer.subarray(0, used)
    this.#hash.update(bytes)
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#file, bytes, done)
    } catch (error) {
      throw fromNodeError(error, this.#path)
    }
  }

  reserve(): undefined {}

  end(): Promise<string> {
    return Promise.resolve(this.#hash.digest('hex'))
  }

  [Symbol.dispose](): void {}
}

/** What the thread is given: places of `sinkSize` bytes in `data`, and for each in `state` what is in it. */
export interface SinkJob {
  readonly file: number
  readonly path: string
  readonly data: SharedArrayBuffer
  readonly state: SharedArrayBuffer
}

/** States of a place: its number of bytes while they wait to be written. */
export const sinkStates = { free: 0, end: -1 } as const
const places = 8

class ThreadSink implements TarSink {
  readonly #buffers: readonly Buffer[]
  readonly #state: Int32Array<SharedArrayBuffer>
  readonly #result: Promise<string>
  #at = 0
  #isEnded = false

  constructor(file: number, path: string, threads: WorkerPool) {
    const data = new SharedArrayBuffer(places * sinkSize)
    const state = new SharedArrayBuffer(places * 4)
    this.#buffers = Array.from({ length: places }, (_, index) =>
      Buffer.from(data, index * sinkSize, sinkSize),
    )
    this.#state = new Int32Array(state)
    const job: SinkJob = { file, path, data, state }
    this.#result = threads.run(job) as Promise<string>
    // asked for by whoever waits, at the latest by `end`
    this.#result.catch(() => undefined)
  }

  get buffer(): Buffer {
    return this.#buffers[this.#at] as Buffer
  }

  flush(used: number): void {
    if (used === 0) return
    this.#set(used)
    this.#at = (this.#at + 1) % places
  }

  reserve(): Promise<void> | undefined {
    const next = (this.#at + 2) % places
    return Atomics.load(this.#state, next) === sinkStates.free ? undefined : this.#wait(next)
  }

  async end(): Promise<string> {
    await this.#wait(this.#at)
    this.#finish()
    return await this.#result
  }

  [Symbol.dispose](): void {
    this.#finish()
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
