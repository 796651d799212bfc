import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import { close, read } from 'node:fs'
import { Readable } from 'node:stream'
import type { Digest } from '../../oci/digest.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { OpenBlob } from './open-blob.ts'

const chunkSize = 256 * 1024

export interface BlobReaderOptions {
  readonly digest: Digest
  /** Called with the digest that was found when it is not the blob's; gives the error the stream fails with. */
  readonly onDamage: (found: string) => Error
  readonly signal?: AbortSignal | undefined
}

/**
 * Streams an open blob and hashes it on the way. `end` comes only after the digest was right, so a reader that saw it
 * has the right bytes; everyone else sees an error. Closes the descriptor.
 */
export class BlobReader extends Readable {
  readonly #descriptor: number
  readonly #options: BlobReaderOptions
  readonly #hash: Hash = createHash('sha256')
  #position = 0
  /** Set while a read runs: the descriptor must not be closed, and its number given away, under it. */
  #reading = false
  #afterRead: (() => void) | undefined

  constructor({ descriptor }: OpenBlob, options: BlobReaderOptions) {
    super({ highWaterMark: chunkSize, signal: options.signal })
    this.#descriptor = descriptor
    this.#options = options
  }

  override _read(): void {
    const buffer = Buffer.allocUnsafeSlow(chunkSize)
    this.#reading = true
    read(this.#descriptor, buffer, 0, chunkSize, this.#position, (error, count) => {
      this.#reading = false
      if (this.#afterRead !== undefined) this.#afterRead()
      else if (error) this.destroy(fromNodeError(error) as Error)
      else if (count === 0) this.#finish()
      else {
        this.#position += count
        const bytes = buffer.subarray(0, count)
        this.#hash.update(bytes)
        this.push(bytes)
      }
    })
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const finish = (): void => {
      close(this.#descriptor, (closeError) => {
        callback(error ?? closeError)
      })
    }
    if (this.#reading) this.#afterRead = finish
    else finish()
  }

  #finish(): void {
    const found = `sha256:${this.#hash.digest('hex')}`
    if (found === this.#options.digest) this.push(null)
    else this.destroy(this.#options.onDamage(found))
  }
}
