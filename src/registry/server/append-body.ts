import type { Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { systemFailure } from '../../linux/system-failure.ts'

export interface AppendOptions {
  /** Hash of the bytes before `start`; goes on with the body's. */
  readonly hash: Hash
  readonly start: number
  /** Most bytes to take. */
  readonly limit: number | undefined
}

export interface Appended {
  /** Size of the file afterwards. */
  readonly size: number
  /** Undefined when writing failed, and nobody knows how far it came. */
  readonly hash: Hash | undefined
  /** The body had more bytes than the limit. */
  readonly tooLong: boolean
  /** Why the body ended early, or the disk's error. */
  readonly broken?: unknown
  /** A sync failed. The kernel says so once and forgets: what this file holds on disk can never be known again. */
  readonly lost: boolean
}

/** Bytes that go into one write: large enough for speed, small enough for a thousand uploads at once. */
const batchSize = 512 * 1024
/** Bytes after which the disk is set to work, so that the last sync has little left to do. */
const syncEvery = 16 * 1024 * 1024

/** Writes `body` into `file` from `start` on. One batch is written while the next arrives and is hashed. */
export async function appendBody(
  file: FileHandle,
  body: Readable,
  options: AppendOptions,
): Promise<Appended> {
  const { hash, start, limit = Infinity } = options
  let size = start
  let batch: Buffer[] = []
  let batched = 0
  let synced = start
  let writing: Promise<void> = Promise.resolve()
  let syncing: Promise<void> | undefined
  let broken: unknown
  let lost = false
  const flush = async (): Promise<void> => {
    await writing
    writing = writeAll(file, batch, size)
    // awaited later: a failure in between must not count as unhandled
    writing.catch(() => {})
    for (const chunk of batch) hash.update(chunk)
    size += batched
    batch = []
    batched = 0
  }
  try {
    // destroying the request would destroy the connection that the answer must take
    const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
    try {
      for await (const chunk of chunks) {
        if (size + batched + chunk.length - start > limit) return { size, hash, tooLong: true, lost }
        batch.push(chunk)
        batched += chunk.length
        if (batched >= batchSize) await flush()
        if (size - synced >= syncEvery && syncing === undefined) {
          synced = size
          syncing = file.datasync().finally(() => (syncing = undefined))
          syncing.catch((error: unknown) => {
            lost = true
            broken ??= error
          })
        }
      }
    } catch (error) {
      broken = error
    }
    await flush()
    await writing
    await syncing?.catch(() => {})
    return { size, hash, tooLong: false, broken, lost }
  } catch (error) {
    return { size, hash: undefined, tooLong: false, broken: error, lost }
  } finally {
    // the caller closes the file: nothing may still be at work on it
    await writing.catch(() => {})
    await syncing?.catch(() => {})
  }
}

async function writeAll(file: FileHandle, chunks: readonly Buffer[], position: number): Promise<void> {
  const total = chunks.reduce((sum, { length }) => sum + length, 0)
  if (total === 0) return
  const { bytesWritten } = await file.writev(chunks, position)
  if (bytesWritten === total) return
  // a disk that is nearly full takes a part; the next write says why
  const rest = Buffer.concat(chunks).subarray(bytesWritten)
  let done = 0
  while (done < rest.length) {
    const { bytesWritten: more } = await file.write(
      rest,
      done,
      rest.length - done,
      position + bytesWritten + done,
    )
    if (more === 0) throw systemFailure('write', constants.errno.ENOSPC, 'upload')
    done += more
  }
}
