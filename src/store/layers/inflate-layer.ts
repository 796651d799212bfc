import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import type { Digest, DiffId } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import { openIsalInflater } from '../../linux/isal.ts'
import { dropCached } from '../../linux/sync.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { sniffCompression } from '../../util/compression.ts'
import { decompress } from '../../util/decompress.ts'
import { type SharedGrowth, waitForGrowth } from '../../util/growing-file.ts'
import { inflateGzip } from './inflate-gzip.ts'
import { LayerRecorder } from './layer-recorder.ts'
import { writeTable } from './write-table.ts'

/** A job that can be sent to a worker thread. */
export interface InflateJob {
  /** The compressed blob, and what it must be. */
  readonly blob: string
  readonly digest: Digest
  readonly size: number
  /** The blob while it is still fetched, and verified by who fetches it. */
  readonly growing?: SharedGrowth
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
 * what its digest says, to its last byte (BLOB_DIGEST_MISMATCH, BLOB_SIZE_MISMATCH), unless it is a growing one, whose
 * writer hashes it; judging the diff ID is the caller's. Nothing is synced. Of the blob nothing stays in memory: containers
 * run on the tar. On failure the files may be left half made.
 */
export async function inflateLayer(
  job: InflateJob,
  onProgress?: (bytes: number) => void,
): Promise<InflateResult> {
  using recorder = new LayerRecorder(job.tar, job.limit)
  const report = everySoOften(onProgress)
  const source = job.growing === undefined ? readBlob(job, report) : readAlong(job, job.growing, report)
  // views of one buffer, filled again when the next piece is asked for: a stream must get copies
  const first = source.next().value ?? Buffer.alloc(0)
  const format = sniffCompression(first)
  const all = startingWith(first, source)
  const push = refuseNested(format, (bytes) => recorder.push(bytes))
  const inflater = format === 'gzip' ? openIsalInflater() : undefined
  if (inflater !== undefined) inflateGzip(all, inflater, push)
  else for await (const chunk of decompress(copies(all), { format: format ?? 'none' })) push(chunk)
  const { diffId, table } = recorder.end()
  writeTable(job.table, table)
  return { diffId, size: table.size, entries: table.count }
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

function everySoOften(onProgress: ((bytes: number) => void) | undefined): (bytes: number) => void {
  let reported = 0
  return (bytes) => {
    if (bytes - reported < reportEvery) return
    reported = bytes
    onProgress?.(bytes)
  }
}

function openBlob(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw fromNodeError(error, path)
  }
}

/** Never asks for a part of a chunk: the first one must tell the format. */
function* readAlong(
  { digest, size }: InflateJob,
  growing: SharedGrowth,
  report: (bytes: number) => void,
): Generator<Buffer, undefined> {
  const chunk = Buffer.allocUnsafeSlow(chunkSize)
  for (let done = 0; done < size;) {
    const wanted = Math.min(chunkSize, size - done)
    if (waitForGrowth(growing, done + wanted) === undefined)
      throw failure('BLOB_SIZE_MISMATCH', { digest, expected: size, found: done })
    const length = readSync(growing.descriptor, chunk, 0, wanted, done)
    if (length === 0) throw failure('BLOB_SIZE_MISMATCH', { digest, expected: size, found: done })
    done += length
    report(done)
    yield chunk.subarray(0, length)
  }
  dropCached(growing.descriptor)
}

function* readBlob(job: InflateJob, report: (bytes: number) => void): Generator<Buffer, undefined> {
  const hash = createHash('sha256')
  const file = openBlob(job.blob)
  let done = 0
  try {
    const chunk = Buffer.allocUnsafeSlow(chunkSize)
    for (;;) {
      const length = readSync(file, chunk)
      if (length === 0) break
      done += length
      const bytes = chunk.subarray(0, length)
      hash.update(bytes)
      report(done)
      yield bytes
    }
    dropCached(file)
  } finally {
    closeSync(file)
  }
  if (done !== job.size)
    throw failure('BLOB_SIZE_MISMATCH', { digest: job.digest, expected: job.size, found: done })
  const found = `sha256:${hash.digest('hex')}`
  if (found !== job.digest) throw failure('BLOB_DIGEST_MISMATCH', { expected: job.digest, found })
}
