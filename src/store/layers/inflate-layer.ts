import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import type { Digest, DiffId } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import { openIsalInflater } from '../../linux/isal.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { sniffCompression } from '../../util/compression.ts'
import { decompress } from '../../util/decompress.ts'
import { inflateGzip } from './inflate-gzip.ts'
import { LayerRecorder } from './layer-recorder.ts'
import { encodeTable } from './layer-table.ts'

/** A job that can be sent to a worker thread. */
export interface InflateJob {
  /** The compressed blob, and what it must be. */
  readonly blob: string
  readonly digest: Digest
  readonly size: number
  /** Files to be made. */
  readonly tar: string
  readonly table: string
  /** Most bytes of tar. */
  readonly limit: number
}

export interface InflateResult {
  readonly diffId: DiffId
  readonly size: number
  readonly entries: number
}

const chunkSize = 262_144
const reportEvery = 8_388_608

/**
 * Turns a layer blob into its tar and the tar's table of contents. Both sides are hashed on the way: the blob must be
 * what its digest says, to its last byte (BLOB_DIGEST_MISMATCH, BLOB_SIZE_MISMATCH); judging the diff ID is the
 * caller's. Nothing is synced. On failure the files may be left half made.
 */
export async function inflateLayer(
  job: InflateJob,
  onProgress?: (bytes: number) => void,
): Promise<InflateResult> {
  using recorder = new LayerRecorder(job.tar, job.limit)
  const source = readBlob(job, onProgress)
  // views of one buffer, filled again when the next piece is asked for: a stream must get copies
  const first = source.next().value ?? Buffer.alloc(0)
  const format = sniffCompression(first)
  const all = startingWith(first, source)
  const push = refuseNested(format, (bytes) => recorder.push(bytes))
  const inflater = format === 'gzip' ? openIsalInflater() : undefined
  if (inflater !== undefined) inflateGzip(all, inflater, push)
  else for await (const chunk of decompress(copies(all), { format: format ?? 'none' })) push(chunk)
  const { diffId, table } = recorder.end()
  writeFileSync(job.table, encodeTable(table), { mode: 0o600 })
  return { diffId, size: table.size, entries: table.entries.length }
}

/** A tar never starts like compressed data: that is a layer compressed twice, which other tools cannot read. */
function refuseNested(format: string | undefined, push: (bytes: Buffer) => void): (bytes: Buffer) => void {
  let first = format !== undefined
  return (bytes) => {
    const inner = first && bytes.length > 0 ? sniffCompression(bytes) : undefined
    if (inner !== undefined) throw failure('COMPRESSION_NESTED', { format: format ?? '', inner })
    if (bytes.length > 0) first = false
    push(bytes)
  }
}

async function* copies(source: Iterable<Buffer>): AsyncGenerator<Buffer> {
  for (const bytes of source) yield Buffer.from(bytes)
}

function* startingWith(first: Buffer, rest: Generator<Buffer, undefined>): Generator<Buffer> {
  yield first
  yield* rest
}

function openBlob(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw fromNodeError(error, path)
  }
}

function* readBlob(job: InflateJob, onProgress?: (bytes: number) => void): Generator<Buffer, undefined> {
  const hash = createHash('sha256')
  const file = openBlob(job.blob)
  let done = 0
  let reported = 0
  try {
    const chunk = Buffer.allocUnsafeSlow(chunkSize)
    for (;;) {
      const length = readSync(file, chunk)
      if (length === 0) break
      done += length
      const bytes = chunk.subarray(0, length)
      hash.update(bytes)
      if (done - reported >= reportEvery) {
        reported = done
        onProgress?.(done)
      }
      yield bytes
    }
  } finally {
    closeSync(file)
  }
  if (done !== job.size)
    throw failure('BLOB_SIZE_MISMATCH', { digest: job.digest, expected: job.size, found: done })
  const found = `sha256:${hash.digest('hex')}`
  if (found !== job.digest) throw failure('BLOB_DIGEST_MISMATCH', { expected: job.digest, found })
}
