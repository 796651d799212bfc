import { constants, fstatSync, openSync } from 'node:fs'
import { basename } from 'node:path'
import { requireSpace } from '../../linux/free-space.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'
import { GrowingFile } from '../../util/growing-file.ts'
import type { IngestLedger } from '../metadata/ingest-ledger.ts'
import type { BlobWriter } from '../blob-writer.ts'
import type { BlobInfo, Lease } from '../store.ts'
import { BlobFile } from './blob-file.ts'
import type { BlobFolders } from './blob-folders.ts'
import { checkExpected } from './ingest.ts'
import type { ContentLedger } from './publish.ts'
import { publishBlob } from './publish.ts'
import { unlinkQuietly } from './temporary-files.ts'

export interface WriterParts {
  readonly folders: BlobFolders
  readonly ledger: ContentLedger
  readonly ingests: IngestLedger
  readonly path: string
  /** The lock of this key; the writer frees it. */
  readonly lock: AsyncDisposable
}

/** Opens the writer of one key, whose lock the caller has: finds what an earlier one left and hashes it again. */
export async function openBlobWriter(parts: WriterParts, size?: number): Promise<BlobWriter> {
  const { path, folders, ingests } = parts
  let file: BlobFile
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const descriptor = openSync(path, flags, 0o600)
    file = new BlobFile(descriptor, path, true)
    const status = fstatSync(descriptor)
    await file.resume(status.isFile() ? ingests.trusted(basename(path), status.size) : 0)
    if (size !== undefined) requireSpace(folders.ingest, size - file.size, 'fetching a blob')
    ingests.use(basename(path), 0)
  } catch (error) {
    await parts.lock[Symbol.asyncDispose]()
    throw fromNodeError(error, path)
  }
  return new KeyedWriter(parts, file)
}

class KeyedWriter implements BlobWriter {
  readonly #parts: WriterParts
  readonly #file: BlobFile
  #state: 'open' | 'closed' = 'open'
  #growing: GrowingFile | undefined

  constructor(parts: WriterParts, file: BlobFile) {
    this.#parts = parts
    this.#file = file
  }

  get offset(): number {
    return this.#file.size
  }

  async write(...chunks: readonly Uint8Array[]): Promise<void> {
    this.#checkOpen()
    await this.#file.append(chunks)
    this.#growing?.grow(this.#file.size)
  }

  follow(): GrowingFile {
    this.#checkOpen()
    if (this.#growing !== undefined) throw failure('INTERNAL', { reason: 'the writer is followed already' })
    this.#growing = new GrowingFile(this.#parts.path, this.#file.size)
    return this.#growing
  }

  async truncate(size: number): Promise<void> {
    this.#checkOpen()
    this.#abandonFollower()
    await this.#file.resume(Math.min(size, this.#file.size))
  }

  async commit(
    expected: { readonly digest?: BlobInfo['digest']; readonly size?: number },
    lease?: Lease,
  ): Promise<BlobInfo> {
    this.#checkOpen()
    const { folders, ingests, ledger, path } = this.#parts
    const info: BlobInfo = { digest: this.#file.digest(), size: this.#file.size }
    try {
      checkExpected(info, expected)
      // it waits for an image to need it, as its parts would have waited for the rest; bytes that are not durable do not.
      // Told before it is there: a kill in between leaves a note of nothing, not a blob that the next collection takes
      if (lease?.deferred !== true) ingests.use(info.digest, info.size)
      await publishBlob(folders, ledger, path, info, lease, () => this.#file.sync())
    } catch (error) {
      await this.abort()
      throw error
    }
    // a follower may read on: all its bytes are there
    this.#growing = undefined
    await this.#close(false)
    return info
  }

  async abort(): Promise<void> {
    if (this.#state === 'closed') return
    unlinkQuietly(this.#parts.path)
    await this.#close(false)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'open') await this.#close(true)
  }

  /** `keep`: the bytes wait for the next writer of the key. */
  async #close(keep: boolean): Promise<void> {
    this.#state = 'closed'
    this.#abandonFollower()
    const { ingests, path, lock } = this.#parts
    try {
      if (keep) {
        await this.#file.sync()
        ingests.use(basename(path), this.#file.durable)
      } else ingests.forget(basename(path))
    } finally {
      await this.#file.close()
      await lock[Symbol.asyncDispose]()
    }
  }

  #abandonFollower(): void {
    this.#growing?.abandon()
    this.#growing = undefined
  }

  #checkOpen(): void {
    if (this.#state === 'closed') throw failure('INTERNAL', { reason: 'the writer is closed' })
  }
}
