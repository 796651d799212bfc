import { createHash, hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { requireSpace } from '../../linux/free-space.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { DiffId } from '../../oci/digest.ts'
import type { TarHeader } from '../../tar/encode-header.ts'
import { mostPlainBytes, TarWriter } from '../../tar/writer.ts'
import { failure } from '../../util/errors.ts'
import { timeSlice } from '../../util/time-slice.ts'
import type { FileBody } from '../file-body.ts'
import type { LayerEntry } from '../store.ts'
import type { RecordedLayer } from './layer-recorder.ts'
import { orderEntries, tarPathOf } from './order-entries.ts'
import { noXattrs, type StoredEntry, type StoredRange } from './stored-entry.ts'

/** Bytes that lie in another layer's tar. */
export interface RangeBody {
  readonly kind: 'ranges'
  readonly tar: string
  readonly ranges: readonly StoredRange[]
}

export type WritableEntry = Omit<LayerEntry, 'body'> & { readonly body?: FileBody | RangeBody }

const bufferSize = 1_048_576

/**
 * Writes a layer tar to a new file: one pass reads, hashes and writes. Gives the event loop its turns. A file that is
 * not the size its entry says fails with CONTEXT_CHANGED: it was changed while it was read. Nothing is synced.
 */
export async function writeLayer(
  path: string,
  entries: readonly WritableEntry[],
  signal?: AbortSignal,
): Promise<RecordedLayer> {
  const size = entries.reduce((total, entry) => total + sizeIn(entry), 0)
  requireSpace(dirname(path), size, 'writing a layer')
  using writer = new LayerWriter(path)
  const slice = timeSlice(signal)
  for (const entry of orderEntries(entries as readonly LayerEntry[]) as readonly WritableEntry[]) {
    const stream = writer.add(entry)
    if (stream !== undefined) await writer.addStream(entry, stream)
    await slice.pause()
  }
  return writer.end()
}

class LayerWriter implements Disposable {
  readonly #path: string
  readonly #file: number
  readonly #hash = createHash('sha256')
  readonly #tar = new TarWriter()
  readonly #entries: StoredEntry[] = []
  readonly #buffer = Buffer.allocUnsafeSlow(bufferSize)
  #used = 0

  constructor(path: string) {
    this.#path = path
    this.#file = openSync(path, 'wx', 0o600)
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }

  /** Writes headers and data; data that comes as a stream is returned, for `addStream`. */
  add(entry: WritableEntry): AsyncIterable<Uint8Array> | undefined {
    const size = sizeIn(entry)
    const dataOffset = this.#addHeader(headerOf(entry, size))
    this.#entries.push(storedOf(entry, size, dataOffset))
    const { body } = entry
    if (body === undefined || entry.type !== 'file') {
      if (size !== 0) throw failure('CONTEXT_CHANGED', { path: entry.path })
      return undefined
    }
    if (body.kind === 'stream') return body.open() as AsyncIterable<Uint8Array>
    if (body.kind === 'bytes') {
      if (body.bytes.length !== size) throw failure('CONTEXT_CHANGED', { path: entry.path })
      this.#append(body.bytes)
    } else if (body.kind === 'ranges') this.#appendRanges(body, size, entry.path)
    else this.#appendFile(body, size, entry.path)
    return undefined
  }

  async addStream({ path, size = 0 }: WritableEntry, stream: AsyncIterable<Uint8Array>): Promise<void> {
    let written = 0
    for await (const chunk of stream) {
      written += chunk.length
      if (written > size) break
      this.#append(chunk)
    }
    if (written !== size) throw failure('CONTEXT_CHANGED', { path })
  }

  end(): RecordedLayer {
    this.#append(this.#tar.end())
    this.#flush()
    const diffId = `sha256:${this.#hash.digest('hex')}` as DiffId
    return { diffId, table: { size: this.#tar.offset, entries: this.#entries } }
  }

  #appendFile(body: Extract<FileBody, { kind: 'file' | 'descriptor' }>, size: number, path: string): void {
    // O_NONBLOCK: what was a file when it was listed may be a fifo now, which would block for ever
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = body.kind === 'descriptor' ? body.open() : openFile(body.path, flags)
    try {
      const sum = body.kind === 'descriptor' && body.wantsDigest === true ? new FileDigest() : undefined
      const read = this.#appendFrom(file, 0, size, path, sum)
      if (read !== size) throw failure('CONTEXT_CHANGED', { path })
      if (body.kind === 'descriptor' && body.check !== undefined) return body.check(file, sum?.end())
      const status = fstatSync(file)
      if (status.size !== size || !status.isFile()) throw failure('CONTEXT_CHANGED', { path })
    } finally {
      closeSync(file)
    }
  }

  /** Straight into the output buffer where the entry allows it: two buffers less for each of many entries. */
  #addHeader(header: TarHeader): number {
    if (bufferSize - this.#used < mostPlainBytes) this.#flush()
    const written = this.#tar.addPlain(header, this.#buffer, this.#used)
    if (written > 0) {
      this.#used += written
      return this.#tar.dataOffset
    }
    const { bytes, dataOffset } = this.#tar.add(header)
    this.#append(bytes)
    return dataOffset
  }

  #appendRanges({ tar, ranges }: RangeBody, size: number, path: string): void {
    const file = openFile(tar, constants.O_RDONLY)
    try {
      let at = 0
      for (const range of ranges) {
        this.#appendZeros(range.at - at)
        const read = this.#appendFrom(file, range.offset, range.length, path)
        if (read !== range.length) throw failure('CONTEXT_CHANGED', { path })
        at = range.at + range.length
      }
      this.#appendZeros(size - at)
    } finally {
      closeSync(file)
    }
  }

  /** Reads straight into the output buffer. Returns the bytes there were. */
  #appendFrom(file: number, offset: number, length: number, path: string, sum?: FileDigest): number {
    let done = 0
    try {
      while (done < length) {
        if (this.#used === bufferSize) this.#flush()
        const room = Math.min(length - done, bufferSize - this.#used)
        const count = readSync(file, this.#buffer, this.#used, room, offset + done)
        if (count === 0) return done
        sum?.update(this.#buffer.subarray(this.#used, this.#used + count), count === length)
        this.#used += count
        done += count
      }
    } catch (error) {
      throw fromNodeError(error, path)
    }
    return done
  }

  #appendZeros(length: number): void {
    for (let left = length; left > 0;) {
      if (this.#used === bufferSize) this.#flush()
      const room = Math.min(left, bufferSize - this.#used)
      this.#buffer.fill(0, this.#used, this.#used + room)
      this.#used += room
      left -= room
    }
  }

  #append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      if (this.#used === bufferSize) this.#flush()
      const room = Math.min(bytes.length - done, bufferSize - this.#used)
      this.#buffer.set(bytes.subarray(done, done + room), this.#used)
      this.#used += room
      done += room
    }
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#used)
    this.#hash.update(bytes)
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#file, bytes, done)
    } catch (error) {
      throw fromNodeError(error, this.#path)
    }
    this.#used = 0
  }
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
