import type { Readable } from 'node:stream'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { sha256 } from '../../oci/digest.ts'
import { requireSpace } from '../../linux/free-space.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'
import type { BlobInfo, IngestOptions } from '../store.ts'
import { BlobFile } from './blob-file.ts'
import type { BlobFolders } from './blob-folders.ts'
import type { ContentLedger } from './publish.ts'
import { publishBlob } from './publish.ts'
import { temporaryPath, unlinkQuietly } from './temporary-files.ts'

type Expected = NonNullable<IngestOptions['expected']>

/** Bytes gathered before one write: few, large calls. */
const gather = 512 * 1024

/** BLOB_SIZE_MISMATCH, BLOB_DIGEST_MISMATCH. */
export function checkExpected(found: BlobInfo, expected: Expected): void {
  const { digest, size } = expected
  if (size !== undefined && size !== found.size) throw sizeMismatch(expected, found.size)
  if (digest !== undefined && digest !== found.digest) {
    throw failure('BLOB_DIGEST_MISMATCH', { expected: digest, found: found.digest })
  }
}

function sizeMismatch({ digest, size }: Expected, found: number): Error {
  return failure('BLOB_SIZE_MISMATCH', { digest: digest ?? 'the blob', expected: size ?? 0, found })
}

/** A small blob that is in memory: no thread hops, which cost more than its writing. */
export async function ingestBytes(
  folders: BlobFolders,
  ledger: ContentLedger,
  bytes: Uint8Array,
  { expected = {}, lease }: IngestOptions,
): Promise<BlobInfo> {
  const info: BlobInfo = { digest: sha256(bytes), size: bytes.byteLength }
  checkExpected(info, expected)
  const path = temporaryPath(folders.ingest)
  try {
    const descriptor = openSync(path, 'wx', 0o600)
    try {
      for (let offset = 0; offset < bytes.byteLength;) offset += writeSync(descriptor, bytes, offset)
      if (lease?.deferred !== true) fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    await publishBlob(folders, ledger, path, info, lease, () => Promise.resolve())
    return info
  } catch (error) {
    unlinkQuietly(path)
    throw fromNodeError(error, path)
  }
}

/** Streams into a new blob. On any failure nothing is left. */
export async function ingestStream(
  folders: BlobFolders,
  ledger: ContentLedger,
  body: Readable,
  options: IngestOptions,
): Promise<BlobInfo> {
  const { lease, expected } = options
  const path = temporaryPath(folders.ingest)
  try {
    if (expected?.size !== undefined)
      requireSpace(folders.ingest, expected.size, `taking in ${expected.digest ?? 'a blob'}`)
    const file = new BlobFile(openSync(path, 'wx', 0o600), path, lease?.deferred !== true)
    try {
      await appendStream(file, body, options)
      const info: BlobInfo = { digest: file.digest(), size: file.size }
      checkExpected(info, expected ?? {})
      await publishBlob(folders, ledger, path, info, lease, () => file.sync())
      return info
    } finally {
      await file.close()
    }
  } catch (error) {
    body.destroy()
    unlinkQuietly(path)
    throw fromNodeError(error, path)
  }
}

/** Writes while the next bytes arrive. A body longer than expected is cut off at once: it could be endless. */
async function appendStream(
  file: BlobFile,
  body: Readable,
  { expected = {}, signal, onProgress, onBytes }: IngestOptions,
): Promise<void> {
  let chunks: Uint8Array[] = []
  let waiting = 0
  let total = 0
  let writing: Promise<void> = Promise.resolve()
  const flush = async (): Promise<void> => {
    await writing
    const batch = chunks
    chunks = []
    waiting = 0
    writing = file.append(batch)
    // its failure is thrown by the next flush, not as an unhandled rejection in between
    writing.catch(() => {})
    onProgress?.({
      status: 'Writing',
      current: total,
      ...(expected.size !== undefined && { total: expected.size }),
    })
  }
  try {
    for await (const chunk of body as AsyncIterable<Buffer | string>) {
      signal?.throwIfAborted()
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      onBytes?.(bytes)
      total += bytes.byteLength
      if (expected.size !== undefined && total > expected.size) throw sizeMismatch(expected, total)
      chunks.push(bytes)
      waiting += bytes.byteLength
      if (waiting >= gather) await flush()
    }
    await flush()
  } finally {
    // the descriptor is closed next: no write may still be under way
    await writing.catch(() => {})
  }
  await writing
  signal?.throwIfAborted()
}
