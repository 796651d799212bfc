import { closeSync, openSync } from 'node:fs'

/** What another thread needs to read along; can be sent to it. */
export interface SharedGrowth {
  readonly descriptor: number
  readonly length: SharedArrayBuffer
}

/** Instead of a length: nothing more will come. */
const abandoned = -1n

/**
 * A file that one thread writes and another reads along: bytes are taken as soon as they are written, and the reader
 * sleeps while there are none. Has a descriptor of its own, so renaming or removing the file does not matter.
 */
export class GrowingFile implements Disposable {
  readonly shared: SharedGrowth
  readonly #length: BigInt64Array

  constructor(path: string, length: number) {
    this.shared = { descriptor: openSync(path, 'r'), length: new SharedArrayBuffer(8) }
    this.#length = new BigInt64Array(this.shared.length)
    this.#publish(BigInt(length))
  }

  /** The first `length` bytes are in the file now. */
  grow(length: number): void {
    this.#publish(BigInt(length))
  }

  /** Ends the reader's wait for bytes that will not come. */
  abandon(): void {
    this.#publish(abandoned)
  }

  /** To be called when no reader is left. */
  [Symbol.dispose](): void {
    closeSync(this.shared.descriptor)
  }

  #publish(length: bigint): void {
    Atomics.store(this.#length, 0, length)
    Atomics.notify(this.#length, 0)
  }
}

/**
 * Blocks this thread until the file has at least `wanted` bytes. Returns how many it has; undefined when no more will
 * come.
 */
export function waitForGrowth({ length }: SharedGrowth, wanted: number): number | undefined {
  const cell = new BigInt64Array(length)
  for (;;) {
    const now = Atomics.load(cell, 0)
    if (now === abandoned) return undefined
    if (now >= BigInt(wanted)) return Number(now)
    Atomics.wait(cell, 0, now)
  }
}
