import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { callbackify } from 'node:util'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Repository } from '../registry/repository.ts'
import type { BlobWriter } from '../store/blob-writer.ts'
import type { Lease, Store } from '../store/store.ts'
import type { GrowingFile } from '../util/growing-file.ts'
import { MilleError, failure, isMilleError } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'

/** Bytes gathered before one write: few, large calls. */
const gather = 512 * 1024
/** Longest wait for another process that fetches the same blob, milliseconds. */
const longestWait = 3_600_000

export interface DownloadOptions extends OpOptions {
  /** Called once, when bytes are about to come, with the file that they will be in. To be disposed by who takes it. */
  readonly onGrowing?: ((file: GrowingFile) => void) | undefined
}

/**
 * Fetches a blob into the store, once however many processes want it: the others wait, and take over what a dead one
 * left. Goes on from the last byte that is on this disk, over processes and reboots (D10, B-PL-1). Bytes that turn out
 * wrong are dropped and fetched once more (B-PL-3). Reports `current` bytes; `Waiting` without any while another process
 * is at it.
 */
export async function downloadBlob(
  store: Store,
  repository: Repository,
  blob: Descriptor,
  lease: Lease,
  options: DownloadOptions,
): Promise<void> {
  lease.hold({ kind: 'blob', digest: blob.digest })
  if (await store.content.exists(blob)) return
  await using _lock = await lockDownload(store, blob, options)
  for (let attempt = 1; ; attempt++) {
    if (await store.content.exists(blob)) return
    try {
      await using writer = await store.content.openWriter(`download ${blob.digest}`, {
        ...options,
        size: blob.size,
      })
      if (writer.offset > blob.size) await writer.truncate(0)
      if (attempt === 1) options.onGrowing?.(writer.follow())
      await appendMissing(writer, repository, blob, options)
      await writer.commit({ digest: blob.digest, size: blob.size }, lease)
      return
    } catch (error) {
      if (!isMilleError(error, 'BLOB_DIGEST_MISMATCH')) throw error
      if (attempt === 2) throw naming(error, repository.reference.registry)
    }
  }
}

async function lockDownload(store: Store, blob: Descriptor, options: OpOptions): Promise<AsyncDisposable> {
  const { signal, onProgress } = options
  const name = `fetch-${blob.digest}`
  try {
    return await store.lock(name, { signal, timeout: 0 })
  } catch (error) {
    if (!isMilleError(error, 'STORE_LOCK_TIMEOUT')) throw error
    onProgress?.({ status: 'Waiting' })
    return store.lock(name, { signal, timeout: longestWait })
  }
}

/** Leaves the writer with the whole blob. */
async function appendMissing(
  writer: BlobWriter,
  repository: Repository,
  blob: Descriptor,
  { signal, onProgress }: OpOptions,
): Promise<void> {
  const report = (current: number): void => onProgress?.({ status: 'Downloading', current, total: blob.size })
  report(writer.offset)
  if (writer.offset === blob.size) return
  const body = await repository.fetch(blob, { signal, offset: writer.offset })
  const sink = new BatchSink(writer, blob, report)
  try {
    await pipeline(body, sink, { signal })
  } catch (error) {
    await sink.settled()
    if (isMilleError(error, 'BLOB_SIZE_MISMATCH')) await writer.abort()
    throw error
  }
  if (writer.offset !== blob.size) throw shorter(blob, writer.offset)
}

/** Writes one batch while the next one arrives. */
class BatchSink extends Writable {
  readonly #writer: BlobWriter
  readonly #blob: Descriptor
  readonly #report: (bytes: number) => void
  #total: number
  #batch: Buffer[] = []
  #gathered = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(writer: BlobWriter, blob: Descriptor, report: (bytes: number) => void) {
    super({ highWaterMark: gather })
    this.#writer = writer
    this.#blob = blob
    this.#report = report
    this.#total = writer.offset
  }

  /** No write may be under way when the writer is closed. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => {})
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#total += chunk.length
    if (this.#total > this.#blob.size) return done(tooLong(this.#blob))
    this.#batch.push(chunk)
    this.#gathered += chunk.length
    if (this.#gathered < gather) return done()
    callbackify(() => this.#flush())(done)
  }

  override _final(done: (error?: Error | null) => void): void {
    callbackify(async () => {
      await this.#flush()
      await this.#writing
    })(done)
  }

  async #flush(): Promise<void> {
    await this.#writing
    this.#writing = this.#writer.write(...this.#batch)
    // thrown by the next flush, not as an unhandled rejection in between
    this.#writing.catch(() => {})
    this.#batch = []
    this.#gathered = 0
    this.#report(this.#total)
  }
}

function tooLong({ digest, size }: Descriptor): Error {
  return failure('BLOB_SIZE_MISMATCH', { digest, expected: size, found: 'more' })
}

function shorter({ digest, size }: Descriptor, found: number): Error {
  return failure('BLOB_SIZE_MISMATCH', { digest, expected: size, found })
}

/** The registry that sent the wrong bytes belongs into the message. */
function naming({ kind, code, message, cause, details }: MilleError, registry: string): Error {
  return new MilleError(kind, code, `${message} from ${registry}`, { cause, details })
}
