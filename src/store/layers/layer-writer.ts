import { createHash, hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { requireSpace } from '../../linux/free-space.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { DiffId } from '../../oci/digest.ts'
import type { TarHeader } from '../../tar/encode-header.ts'
import { mostPlainBytes, TarWriter } from '../../tar/writer.ts'
import { failure } from '../../util/errors.ts'
import { timeSlice } from '../../util/time-slice.ts'
import type { WorkerPool } from '../../util/worker-pool.ts'
import type { FileBody } from '../file-body.ts'
import type { LayerEntry } from '../store.ts'
import type { RecordedLayer } from './layer-recorder.ts'
import { orderEntries, tarPathOf } from './order-entries.ts'
import { TableBuilder } from './table-builder.ts'
import { openSink, sinkSize, type SinkOptions, type TarSink } from './tar-sink.ts'
import type { WriteBeside } from './write-beside.ts'
import { noXattrs, type StoredEntry, type StoredRange } from './stored-entry.ts'

/** Bytes that lie in another layer's tar. */
export interface RangeBody {
  readonly kind: 'ranges'
  readonly tar: string
  readonly ranges: readonly StoredRange[]
}

export type WritableEntry = Omit<LayerEntry, 'body'> & {
  readonly body?: FileBody | RangeBody | undefined
}

export interface WriteOptions extends WriteBeside {
  readonly signal?: AbortSignal | undefined
  /** Threads that run `tar-sink-worker.ts`, for large layers. */
  readonly threads?: WorkerPool
}

/** Files up to this size are read at one go; that and their header fit into what a sink always has room for. */
const smallFile = sinkSize / 2

/**
 * Writes a layer tar to a new file: one pass reads, hashes and writes. Gives the event loop its turns. A file that is
 * not the size its entry says fails with CONTEXT_CHANGED: it was changed while it was read. Nothing is synced.
 */
export async function writeLayer(
  path: string,
  entries: readonly WritableEntry[],
  { signal, threads, beside }: WriteOptions = {},
): Promise<RecordedLayer> {
  const size = entries.reduce((total, entry) => total + sizeIn(entry), 0)
  requireSpace(dirname(path), size, 'writing a layer')
  using writer = new LayerWriter(path, { size, count: entries.length, threads })
  const slice = timeSlice(signal)
  for (const entry of orderEntries(entries as readonly LayerEntry[]) as readonly WritableEntry[]) {
    // most of many entries need no turn of the event loop
    const room = writer.reserve()
    if (room !== undefined) await room
    const rest = writer.add(entry)
    if (rest !== undefined) await rest
    const turn = slice.pause()
    if (turn !== undefined) await turn
  }
  return await writer.end(beside)
}

class LayerWriter implements Disposable {
  readonly #file: number
  readonly #sink: TarSink
  readonly #tar = new TarWriter()
  readonly #table: TableBuilder

  constructor(path: string, options: Omit<SinkOptions, 'path'>) {
    this.#table = new TableBuilder(options.count)
    this.#file = openSync(path, 'wx', 0o600)
    this.#sink = openSink(this.#file, { path, ...options })
  }

  [Symbol.dispose](): void {
    this.#sink[Symbol.dispose]()
    closeSync(this.#file)
  }

  /** To be awaited before each entry. */
  reserve(): Promise<void> | undefined {
    return this.#sink.reserve()
  }

  /** Writes header and data; what takes longer is finished when the promise is. */
  add(entry: WritableEntry): Promise<void> | undefined {
    const size = sizeIn(entry)
    const dataOffset = this.#addHeader(headerOf(entry, size))
    this.#table.add(storedOf(entry, size, dataOffset))
    const { body, path } = entry
    if (body === undefined || entry.type !== 'file') {
      if (size !== 0) throw failure('CONTEXT_CHANGED', { path })
      return undefined
    }
    switch (body.kind) {
      case 'stream':
        return this.#addStream(body.open() as AsyncIterable<Uint8Array>, size, path)
      case 'bytes':
        if (body.bytes.length !== size) throw failure('CONTEXT_CHANGED', { path })
        if (size > smallFile) return this.#addStream([body.bytes], size, path)
        return this.#append(body.bytes)
      case 'ranges':
        return this.#addRanges(body, size, path)
      default:
        if (this.#sink.take(body, size)) return undefined
        return size > smallFile ? this.#addLargeFile(body, size, path) : this.#addFile(body, size, path)
    }
  }

  async end(beside: WriteOptions['beside']): Promise<RecordedLayer> {
    this.#append(this.#tar.end())
    const written = this.#sink.end()
    const table = this.#table.finish(this.#tar.offset)
    if (beside !== undefined && this.#sink.isThread) await endBoth(written, beside(table))
    return { diffId: `sha256:${await written}` as DiffId, table }
  }

  async #addStream(
    stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    size: number,
    path: string,
  ): Promise<void> {
    let written = 0
    for await (const chunk of stream) {
      written += chunk.length
      if (written > size) break
      for (let done = 0; done < chunk.length; done += sinkSize) {
        await this.#sink.reserve()
        this.#append(chunk.subarray(done, done + sinkSize))
      }
    }
    if (written !== size) throw failure('CONTEXT_CHANGED', { path })
  }

  #addFile(body: FileOnDisk, size: number, path: string): undefined {
    using file = openBody(body, size, path)
    this.#sink.room(size)
    for (let done = 0; done < size;) {
      const count = this.#read(file, done, size - done)
      if (count === 0) throw failure('CONTEXT_CHANGED', { path })
      done += count
    }
    file.check()
  }

  async #addLargeFile(body: FileOnDisk, size: number, path: string): Promise<void> {
    using file = openBody(body, size, path)
    for (let done = 0; done < size;) {
      await this.#sink.reserve()
      const count = this.#read(file, done, size - done)
      if (count === 0) throw failure('CONTEXT_CHANGED', { path })
      done += count
    }
    file.check()
  }

  async #addRanges({ tar, ranges }: RangeBody, size: number, path: string): Promise<void> {
    using file = new OpenFile(openFile(tar, constants.O_RDONLY), path)
    let at = 0
    for (const range of ranges) {
      await this.#addZeros(range.at - at)
      for (let done = 0; done < range.length;) {
        await this.#sink.reserve()
        const count = this.#read(file, range.offset + done, range.length - done)
        if (count === 0) throw failure('CONTEXT_CHANGED', { path })
        done += count
      }
      at = range.at + range.length
    }
    await this.#addZeros(size - at)
  }

  async #addZeros(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      await this.#sink.reserve()
      const at = this.#sink.room(1)
      const { buffer } = this.#sink
      const room = Math.min(left, buffer.length - at)
      buffer.fill(0, at, at + room)
      this.#sink.commit(room)
      left -= room
    }
  }

  /** Straight into the output buffer where the entry allows it: two buffers less for each of many entries. */
  #addHeader(header: TarHeader): number {
    const at = this.#sink.room(mostPlainBytes)
    const written = this.#tar.addPlain(header, this.#sink.buffer, at)
    if (written > 0) {
      this.#sink.commit(written)
      return this.#tar.dataOffset
    }
    const { bytes, dataOffset } = this.#tar.add(header)
    this.#append(bytes)
    return dataOffset
  }

  /** Straight into the output buffer, as much as there is room for. Returns the bytes there were. */
  #read(file: OpenFile, offset: number, length: number): number {
    const at = this.#sink.room(1)
    const { buffer } = this.#sink
    const count = file.read(buffer, at, Math.min(length, buffer.length - at), offset)
    this.#sink.commit(count)
    return count
  }

  #append(bytes: Uint8Array): undefined {
    for (let done = 0; done < bytes.length;) {
      const at = this.#sink.room(1)
      const { buffer } = this.#sink
      const room = Math.min(bytes.length - done, buffer.length - at)
      buffer.set(bytes.subarray(done, done + room), at)
      this.#sink.commit(room)
      done += room
    }
  }
}

/** The file is the thread's until it has ended, whatever became of the other. */
async function endBoth(written: Promise<unknown>, other: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([written, other]))
    if (result.status === 'rejected') throw result.reason
}

type FileOnDisk = Extract<FileBody, { kind: 'file' | 'descriptor' }>

/** A file being read; it knows what its body wants to know of it. */
class OpenFile implements Disposable {
  readonly #descriptor: number
  readonly #path: string
  readonly #check: ((descriptor: number, digest: Uint8Array | undefined) => void) | undefined
  readonly #sum: FileDigest | undefined
  readonly #size: number

  constructor(descriptor: number, path: string, body?: FileOnDisk, size: number = 0) {
    this.#descriptor = descriptor
    this.#path = path
    this.#size = size
    if (body?.kind === 'descriptor' && body.check !== undefined) {
      this.#check = (open, digest) => body.check?.(open, digest)
      this.#sum = body.wantsDigest === true ? new FileDigest() : undefined
    } else if (body !== undefined) {
      this.#check = (open) => {
        const status = fstatSync(open)
        if (status.size !== size || !status.isFile()) throw failure('CONTEXT_CHANGED', { path })
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }

  read(target: Buffer, at: number, length: number, offset: number): number {
    try {
      const count = readSync(this.#descriptor, target, at, length, offset)
      this.#sum?.update(target.subarray(at, at + count), count === this.#size)
      return count
    } catch (error) {
      throw fromNodeError(error, this.#path)
    }
  }

  check(): void {
    this.#check?.(this.#descriptor, this.#sum?.end())
  }
}

function openBody(body: FileOnDisk, size: number, path: string): OpenFile {
  // O_NONBLOCK: what was a file when it was listed may be a fifo now, which would block for ever
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  return new OpenFile(body.kind === 'descriptor' ? body.open() : openFile(body.path, flags), path, body, size)
}

/** SHA-256 of one file; most are there in one piece, for which no hash object has to be made. */
class FileDigest {
  #whole: Buffer | undefined
  #pieces: ReturnType<typeof createHash> | undefined

  update(bytes: Uint8Array, isWhole: boolean): void {
    if (isWhole) this.#whole = hash('sha256', bytes, 'buffer')
    else (this.#pieces ??= createHash('sha256')).update(bytes)
  }

  end(): Buffer {
    return this.#whole ?? (this.#pieces ?? createHash('sha256')).digest()
  }
}

function openFile(path: string, flags: number): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    throw fromNodeError(error, path)
  }
}

function sizeIn({ type, size, body }: WritableEntry): number {
  if (type !== 'file') return 0
  return size ?? (body?.kind === 'bytes' ? body.bytes.length : 0)
}

function headerOf(entry: WritableEntry, size: number): TarHeader {
  const { type, mode, uid, gid, mtime, linkTarget, device, xattrs } = entry
  return {
    path: tarPathOf(entry as LayerEntry),
    type: type === 'whiteout' || type === 'opaque' ? 'file' : type,
    mode,
    uid,
    gid,
    mtime,
    size,
    ...(linkTarget === undefined ? {} : { linkTarget }),
    ...(device === undefined ? {} : { device }),
    ...(xattrs === undefined ? {} : { xattrs }),
  }
}

function storedOf(entry: WritableEntry, size: number, offset: number): StoredEntry {
  const { path, type, mode, uid, gid, mtime, localMtime, linkTarget, device, xattrs } = entry
  return {
    path,
    type,
    mode,
    uid,
    gid,
    mtime: localMtime ?? mtime,
    ...(localMtime === undefined || localMtime === mtime ? {} : { isLocalTime: true }),
    size,
    ranges: size === 0 ? [] : [{ at: 0, offset, length: size }],
    linkTarget: linkTarget ?? '',
    major: device?.major ?? 0,
    minor: device?.minor ?? 0,
    xattrs: xattrs ?? noXattrs,
  }
}
