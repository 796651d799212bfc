import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { WorkerPool } from '../../util/worker-pool.ts'
import type { FileBody } from '../file-body.ts'
import { ThreadSink } from './thread-sink.ts'

/** Takes the bytes of a tar in order, hashes and writes them. The file is the caller's. */
export interface TarSink extends Disposable {
  /** Where bytes go, at the place that `room` says; another one after the next `room`. */
  readonly buffer: Buffer
  /** A place in `buffer` with room for `length` bytes, at most `sinkSize / 2`, or more up to its end. */
  room(length: number): number
  /** So many bytes were put there. */
  commit(length: number): void
  /** Will the sink get the file's `size` bytes by itself? */
  take(body: FileBody, size: number): boolean
  /** To be awaited before more than `sinkSize / 2` bytes are put in. Undefined: go on. */
  reserve(): Promise<void> | undefined
  /** Does another thread write, so that `end` leaves this one free? */
  readonly isThread: boolean
  /** SHA-256 of all, in hex, once everything is written. */
  end(): Promise<string>
}

export const sinkSize = 1_048_576

export interface SinkOptions {
  /** For errors. */
  readonly path: string
  /** Bytes that will come, and entries. */
  readonly size: number
  readonly count: number
  readonly threads?: WorkerPool | undefined
}

/** Starting a thread costs 20 ms of a processor. */
const threadSize = 24 * sinkSize

/** Writes to the open file `file`. Of many bytes a second thread reads, hashes and writes. */
export function openSink(file: number, options: SinkOptions): TarSink {
  const { threads, size, count, path } = options
  if (threads === undefined || size < threadSize) return new DirectSink(file, path)
  return new ThreadSink({ file, path, count, placeSize: sinkSize }, threads)
}

class DirectSink implements TarSink {
  readonly isThread = false
  readonly buffer: Buffer = Buffer.allocUnsafeSlow(sinkSize)
  readonly #hash = createHash('sha256')
  readonly #file: number
  readonly #path: string
  #used = 0

  constructor(file: number, path: string) {
    this.#file = file
    this.#path = path
  }

  room(length: number): number {
    if (sinkSize - this.#used < length) this.#flush()
    return this.#used
  }

  commit(length: number): void {
    this.#used += length
  }

  take(): boolean {
    return false
  }

  reserve(): undefined {}

  end(): Promise<string> {
    this.#flush()
    return Promise.resolve(this.#hash.digest('hex'))
  }

  [Symbol.dispose](): void {}

  #flush(): void {
    const bytes = this.buffer.subarray(0, this.#used)
    this.#hash.update(bytes)
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#file, bytes, done)
    } catch (error) {
      throw fromNodeError(error, this.#path)
    }
    this.#used = 0
  }
}
