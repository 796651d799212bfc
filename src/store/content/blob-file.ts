import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import { close, fdatasync, ftruncate, read, writev } from 'node:fs'
import { constants } from 'node:os'
import { promisify } from 'node:util'
import type { Digest } from '../../oci/digest.ts'
import { fromNodeError, systemFailure } from '../../linux/system-failure.ts'

const callFdatasync = promisify(fdatasync)
const callFtruncate = promisify(ftruncate)
const callClose = promisify(close)
const callRead = promisify(read)

/** Bytes after which the disk is set to work, so that the last sync has little left to do. */
const syncEvery = 32 * 1024 * 1024
const rehashChunk = 1024 * 1024

/** A file that becomes a blob: bytes are hashed as they are appended. Not for use by two callers at once. */
export class BlobFile {
  readonly descriptor: number
  readonly #path: string
  readonly #background: boolean
  #hash: Hash = createHash('sha256')
  #size = 0
  #durable = 0
  #sync: Promise<void> | undefined
  #syncStart = 0
  #syncFailure: unknown

  /** `background`: sync while writing. */
  constructor(descriptor: number, path: string, background: boolean) {
    this.descriptor = descriptor
    this.#path = path
    this.#background = background
  }

  get size(): number {
    return this.#size
  }

  /** Bytes known to be on the disk. */
  get durable(): number {
    return this.#durable
  }

  /** Hash of what was appended so far; appending may go on. */
  digest(): Digest {
    return `sha256:${this.#hash.copy().digest('hex')}` as Digest
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    this.#throwSyncFailure()
    const written = this.#writeAll(chunks)
    // hashing here overlaps with the write, which runs on another thread
    for (const chunk of chunks) this.#hash.update(chunk)
    this.#size = await written
    if (this.#background && this.#sync === undefined && this.#size - this.#syncStart >= syncEvery)
      this.#startSync()
  }

  /** Takes over the first `size` bytes that are in the file already: hashes them again from the disk. */
  async resume(size: number): Promise<void> {
    await this.#call(callFtruncate(this.descriptor, size))
    this.#hash = createHash('sha256')
    this.#size = 0
    const buffer = Buffer.allocUnsafeSlow(Math.min(rehashChunk, Math.max(size, 1)))
    while (this.#size < size) {
      const { bytesRead } = await this.#call(callRead(this.descriptor, buffer, 0, buffer.length, this.#size))
      if (bytesRead === 0) break
      this.#hash.update(buffer.subarray(0, bytesRead))
      this.#size += bytesRead
    }
    this.#durable = Math.min(this.#durable, this.#size)
    this.#syncStart = this.#size
  }

  async sync(): Promise<void> {
    await this.#sync
    this.#throwSyncFailure()
    const size = this.#size
    await this.#call(callFdatasync(this.descriptor))
    this.#durable = size
  }

  async close(): Promise<void> {
    await this.#sync
    await this.#call(callClose(this.descriptor))
  }

  #startSync(): void {
    const size = this.#size
    this.#syncStart = size
    this.#sync = callFdatasync(this.descriptor).then(
      () => {
        this.#durable = Math.max(this.#durable, size)
        this.#sync = undefined
      },
      (error: unknown) => {
        // the kernel reports a lost write once and forgets it: this file can never be trusted again (B-ST-5)
        this.#syncFailure = error
        this.#sync = undefined
      },
    )
  }

  #throwSyncFailure(): void {
    if (this.#syncFailure !== undefined) throw fromNodeError(this.#syncFailure, this.#path)
  }

  async #writeAll(chunks: readonly Uint8Array[]): Promise<number> {
    let position = this.#size
    let rest = chunks.filter((chunk) => chunk.byteLength > 0)
    while (rest.length > 0) {
      const count = await this.#call(writeChunks(this.descriptor, rest.slice(0, 1024), position))
      // a full disk may also show as an endless row of empty writes
      if (count === 0) throw systemFailure('write', constants.errno.ENOSPC, this.#path)
      position += count
      rest = dropBytes(rest, count)
    }
    return position
  }

  async #call<Result>(promise: Promise<Result>): Promise<Result> {
    try {
      return await promise
    } catch (error) {
      throw fromNodeError(error, this.#path)
    }
  }
}

function writeChunks(descriptor: number, chunks: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(descriptor, chunks, position, (error, count) => {
      if (error) reject(error)
      else resolve(count)
    })
  })
}

function dropBytes(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  const index = { count }
  return chunks.flatMap((chunk) => {
    const skip = Math.min(index.count, chunk.byteLength)
    index.count -= skip
    return skip === chunk.byteLength ? [] : [chunk.subarray(skip)]
  })
}
