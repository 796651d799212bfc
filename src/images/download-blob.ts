import type { Readable } from 'node:stream'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Repository } from '../registry/repository.ts'
import type { BlobWriter, Lease, Store } from '../store/store.ts'
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
      await using writer = await store.content.openWriter(`download ${blob.digest}`, options)
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

/** Leaves the writer with the whole blob; writes one batch while the next one arrives. */
async function appendMissing(
  writer: BlobWriter,
  repository: Repository,
  blob: Descriptor,
  { signal, onProgress }: OpOptions,
): Promise<void> {
  let total = writer.offset
  onProgress?.({ status: 'Downloading', current: total, total: blob.size })
  if (total === blob.size) return
  const body: Readable = await repository.fetch(blob, { signal, offset: total })
  let batch: Buffer[] = []
  let gathered = 0
  let writing: Promise<void> = Promise.resolve()
  const flush = async (): Promise<void> => {
    await writing
    writing = writer.write(...batch)
    // thrown by the next flush, not as an unhandled rejection in between
    writing.catch(() => {})
    batch = []
    gathered = 0
    onProgress?.({ status: 'Downloading', current: total, total: blob.size })
  }
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      total += chunk.length
      if (total > blob.size) throw tooLong(blob)
      batch.push(chunk)
      gathered += chunk.length
      if (gathered >= gather) await flush()
    }
    await flush()
  } catch (error) {
    if (isMilleError(error, 'BLOB_SIZE_MISMATCH')) await writing.then(() => writer.abort())
    throw error
  } finally {
    // no write may be under way when the writer is closed
    await writing.catch(() => {})
  }
  await writing
  if (total !== blob.size) throw shorter(blob, total)
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
