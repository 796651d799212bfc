import type { SparseSegment, TarEntry, TarType } from './entry.ts'
import {
  blockSize,
  field,
  gnuSparseExtension,
  gnuSparseHeader,
  paddingOf,
  second,
  type Field,
} from './format.ts'
import {
  dialectOf,
  isChecksumRight,
  isZeroBlock,
  readName,
  readPath,
  typeFlagOf,
  type Dialect,
} from './header.ts'
import { decodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import { defaultTarLimits, type TarLimits } from './limits.ts'
import { malformed, overLimit } from './malformed.ts'
import { readNumber } from './numbers.ts'
import { checkOwner, readPaxFields, type PaxFields } from './pax-fields.ts'
import { parsePaxRecords } from './pax.ts'
import { buildSegments, readGnuPairs, readGnuRealSize, SparseMapReader } from './sparse.ts'

/** Receives what a `TarParser` finds, in the order of the tar. */
export interface TarSink {
  /** Headers of an entry are read; its data (if any) follows. */
  readonly entry: (entry: TarEntry) => void
  /** A piece of the current entry's stored data: a view into the chunk that was pushed, not a copy. */
  readonly data?: ((bytes: Buffer) => void) | undefined
}

export interface TarParserOptions {
  readonly limits?: Partial<TarLimits> | undefined
}

const types: Readonly<Record<string, TarType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
}

/** An entry whose headers are read but whose sparse map may not be. */
interface Draft {
  readonly entry: Omit<TarEntry, 'offset' | 'size' | 'storedSize' | 'sparse'>
  /** Bytes behind the header, a PAX 1.0 map included. */
  readonly stored: number
}

/**
 * Reads a tar pushed in chunks of any size, for indexing: data is skipped without being looked at or copied, so the
 * cost is that of the headers. Reads ustar, PAX, GNU (long names, base-256, sparse 'S'), v7. Where readers of the field
 * disagree about where an entry ends or what it is called, the tar is refused instead of guessed.
 *
 * Two zero blocks end the archive, and so does the end of input between two entries; what comes after two zero blocks
 * is skipped. One zero block followed by anything else is refused.
 *
 * @throws from `push` and `end`: LAYER_TAR_MALFORMED, LAYER_TAR_TRUNCATED, LAYER_LIMIT, LAYER_OWNER_RANGE,
 * LAYER_DEVICE_INVALID. After a throw the parser is dead.
 */
export class TarParser {
  readonly #sink: TarSink
  readonly #limits: TarLimits
  /** Absolute position behind the last byte taken. */
  #offset = 0
  #entries = 0
  /** Bytes the current step wants in one piece, and those of it that came in earlier chunks. */
  #want: number = blockSize
  #held: Buffer | undefined
  #heldLength = 0
  #step: (bytes: Buffer, at: number) => void = this.#header
  #dataLeft = 0
  #skipLeft = 0
  #zeroBlocks = 0
  #global: PaxFields = {}
  #pax: PaxFields | undefined
  #longName: string | undefined
  #longLink: string | undefined

  constructor(sink: TarSink, options: TarParserOptions = {}) {
    this.#sink = sink
    this.#limits = { ...defaultTarLimits, ...options.limits }
  }

  /** Entries found so far. */
  get entries(): number {
    return this.#entries
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#zeroBlocks === 2) {
        this.#offset += chunk.length - at
        return
      }
      if (this.#dataLeft > 0 || this.#skipLeft > 0) at = this.#skip(chunk, at)
      else at = this.#gather(chunk, at)
    }
  }

  /** To be called when the input is at its end. */
  end(): void {
    const between =
      this.#heldLength === 0 &&
      this.#dataLeft === 0 &&
      this.#skipLeft === 0 &&
      this.#step === this.#header &&
      !this.#pendingMeta()
    if (this.#zeroBlocks < 2 && !between) throw failure('LAYER_TAR_TRUNCATED', { offset: this.#offset })
  }

  #skip(chunk: Buffer, at: number): number {
    if (this.#dataLeft > 0) {
      const length = Math.min(this.#dataLeft, chunk.length - at)
      if (this.#sink.data !== undefined) this.#sink.data(chunk.subarray(at, at + length))
      this.#dataLeft -= length
      this.#offset += length
      return at + length
    }
    const length = Math.min(this.#skipLeft, chunk.length - at)
    this.#skipLeft -= length
    this.#offset += length
    return at + length
  }

  #gather(chunk: Buffer, at: number): number {
    const want = this.#want
    if (this.#heldLength === 0 && chunk.length - at >= want) {
      this.#offset += want
      this.#step(chunk, at)
      return at + want
    }
    this.#held ??= Buffer.allocUnsafe(want)
    const length = Math.min(want - this.#heldLength, chunk.length - at)
    chunk.copy(this.#held, this.#heldLength, at, at + length)
    this.#heldLength += length
    this.#offset += length
    if (this.#heldLength === want) {
      const held = this.#held
      this.#held = undefined
      this.#heldLength = 0
      this.#step(held, 0)
    }
    return at + length
  }

  #next(step: (bytes: Buffer, at: number) => void, want: number): void {
    this.#step = step
    this.#want = want
  }

  #pendingMeta(): boolean {
    return this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined
  }

  #header(bytes: Buffer, at: number): void {
    const offset = this.#offset - blockSize
    if (bytes[at] === 0 && isZeroBlock(bytes, at)) {
      if (this.#pendingMeta())
        throw malformed(offset, 'the archive ends after a header that announces an entry')
      this.#zeroBlocks++
      return
    }
    if (this.#zeroBlocks === 1) throw malformed(offset, 'an entry after a lone zero block')
    if (!isChecksumRight(bytes, at)) throw malformed(offset, 'wrong header checksum')
    const size = this.#number(bytes, at, field.size, 'size')
    if (size < 0) throw malformed(offset, 'negative size')
    const flag = typeFlagOf(bytes, at)
    if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') this.#meta(flag, size)
    else this.#entry(bytes, at, flag, size)
  }

  /** A header that describes the next entry. */
  #meta(flag: 'x' | 'g' | 'L' | 'K', size: number): void {
    const offset = this.#offset - blockSize
    if (size > this.#limits.metaBytes)
      throw overLimit(
        flag === 'L' || flag === 'K' ? 'GNU long name' : 'PAX header',
        size,
        this.#limits.metaBytes,
      )
    const doubled =
      (flag === 'x' && this.#pax !== undefined) ||
      (flag === 'L' && this.#longName !== undefined) ||
      (flag === 'K' && this.#longLink !== undefined)
    if (doubled) throw malformed(offset, 'two headers of one kind for one entry')
    // Readers disagree whether a pending PAX size covers this header: with it an entry can be hidden (GHSA-vmf3-w455-68vh).
    if (flag !== 'g' && (this.#pax?.size !== undefined || (flag === 'x' && this.#pendingMeta())))
      throw malformed(offset, 'PAX header and GNU long name for one entry')
    if (size === 0) {
      if (flag === 'L' || flag === 'K') throw malformed(offset, 'empty GNU long name')
      if (flag === 'x') this.#pax = {}
      return
    }
    this.#next(
      (bytes, at) => {
        const payload = bytes.subarray(at, at + size)
        this.#next(this.#header, blockSize)
        if (flag === 'L') this.#longName = this.#longText(payload, offset)
        else if (flag === 'K') this.#longLink = this.#longText(payload, offset)
        else this.#paxHeader(payload, offset, flag)
      },
      size + paddingOf(size),
    )
  }

  #longText(payload: Buffer, offset: number): string {
    const end = payload.indexOf(0)
    if (end === 0) throw malformed(offset, 'empty GNU long name')
    return decodeBytes(end < 0 ? payload : payload.subarray(0, end))
  }

  #paxHeader(payload: Buffer, offset: number, flag: 'x' | 'g'): void {
    const records = parsePaxRecords(payload)
    if (typeof records === 'string') throw malformed(offset, records)
    const fields = readPaxFields(records, offset, this.#limits)
    if (flag === 'x') {
      this.#pax = fields
      return
    }
    const { path, linkPath, size, sparse, uid, gid, mtime } = fields
    // One name for every entry that follows: some readers obey, some do not.
    if (path !== undefined || linkPath !== undefined || size !== undefined || sparse !== undefined)
      throw malformed(offset, 'global PAX header with path, linkpath or size')
    if (uid !== undefined) this.#global.uid = uid
    if (gid !== undefined) this.#global.gid = gid
    if (mtime !== undefined) this.#global.mtime = mtime
  }

  #number(bytes: Buffer, at: number, [from, length]: Field, what: string): number {
    const value = readNumber(bytes, at + from, length)
    if (value === undefined) throw malformed(this.#offset - blockSize, `${what} is not a valid number`)
    return value
  }

  #entry(bytes: Buffer, at: number, flag: string, headerSize: number): void {
    const offset = this.#offset - blockSize
    if (++this.#entries > this.#limits.entries)
      throw overLimit('entries', this.#entries, this.#limits.entries)
    const written = types[flag]
    if (written === undefined) throw malformed(offset, `unknown entry type "${flag}"`)
    const pax = this.#pax ?? {}
    const dialect = dialectOf(bytes, at)
    const path = pax.sparse?.name ?? pax.path ?? this.#longName ?? readPath(bytes, at, dialect)
    // Before POSIX a folder was a file whose name ends in a slash.
    const type = written === 'file' && path.endsWith('/') ? 'directory' : written
    // A hard link may state the size of what it names; no data follows (GNU tar, Go). For all else sizes count.
    const stored = type === 'hardlink' ? 0 : (pax.size ?? headerSize)
    if (stored > this.#limits.fileBytes) throw overLimit('size of a file', stored, this.#limits.fileBytes)
    if (type !== 'file' && stored !== 0) throw malformed(offset, `a ${type} with data`)
    const draft: Draft = { entry: this.#describe(bytes, at, { path, type, pax, dialect }), stored }
    this.#pax = undefined
    this.#longName = undefined
    this.#longLink = undefined
    if (flag === 'S') this.#oldSparse(bytes, at, draft)
    else if (pax.sparse !== undefined && type === 'file') this.#paxSparse(pax.sparse, draft)
    else this.#emit(draft, stored)
  }

  #describe(
    bytes: Buffer,
    at: number,
    found: {
      readonly path: string
      readonly type: TarType
      readonly pax: PaxFields
      readonly dialect: Dialect
    },
  ): Draft['entry'] {
    const { path, type, pax } = found
    const owner = (name: 'uid' | 'gid'): number => {
      const stated = pax[name] ?? this.#global[name]
      if (stated !== undefined) return stated
      const [from, length] = field[name]
      const value = readNumber(bytes, at + from, length)
      return checkOwner(value, String(value ?? 'not a number'), path)
    }
    const link = type === 'symlink' || type === 'hardlink'
    return {
      path,
      type,
      mode: this.#number(bytes, at, field.mode, 'mode') & 0o7777,
      uid: owner('uid'),
      gid: owner('gid'),
      mtime:
        pax.mtime ?? this.#global.mtime ?? BigInt(this.#number(bytes, at, field.mtime, 'mtime')) * second,
      ...(link && { linkTarget: pax.linkPath ?? this.#longLink ?? readName(bytes, at, field.linkName) }),
      ...((type === 'char' || type === 'block') && { device: this.#device(bytes, at, path) }),
      ...(pax.xattrs !== undefined && { xattrs: pax.xattrs }),
    }
  }

  /** Numbers that the kernel would cut are refused: 1:3 with high bits must not become /dev/null (C-T14). */
  #device(bytes: Buffer, at: number, path: string): NonNullable<TarEntry['device']> {
    const major = readNumber(bytes, at + field.devMajor[0], field.devMajor[1])
    const minor = readNumber(bytes, at + field.devMinor[0], field.devMinor[1])
    const fits = (value: number | undefined, limit: number): value is number =>
      value !== undefined && value >= 0 && value <= limit
    if (!fits(major, 0xfff) || !fits(minor, 0xf_ffff))
      throw failure('LAYER_DEVICE_INVALID', { path, device: `${String(major)}:${String(minor)}` })
    return { major, minor }
  }

  #oldSparse(bytes: Buffer, at: number, draft: Draft): void {
    const offset = this.#offset - blockSize
    const real = readGnuRealSize(bytes, at, offset, this.#limits)
    const map: number[] = []
    const finish = (): void => this.#emitSparse(draft, draft.stored, real, map)
    if (!readGnuPairs(bytes, at, gnuSparseHeader, map, offset, this.#limits)) return finish()
    this.#next((block, from) => {
      if (readGnuPairs(block, from, gnuSparseExtension, map, offset, this.#limits)) return
      this.#next(this.#header, blockSize)
      finish()
    }, blockSize)
  }

  #paxSparse(sparse: NonNullable<PaxFields['sparse']>, draft: Draft): void {
    const offset = this.#offset - blockSize
    const real = sparse.realSize
    if (real === undefined) throw malformed(offset, 'sparse file without its size')
    if (sparse.major !== 1) {
      if (sparse.blocks !== undefined && sparse.blocks * 2 !== sparse.map.length)
        throw malformed(offset, 'sparse map of another length than stated')
      return this.#emitSparse(draft, draft.stored, real, sparse.map)
    }
    const reader = new SparseMapReader(offset, this.#limits)
    let stored = draft.stored
    this.#next((block, from) => {
      stored -= blockSize
      if (stored < 0) throw malformed(offset, 'sparse map longer than its entry')
      if (!reader.push(block, from)) return
      this.#next(this.#header, blockSize)
      this.#emitSparse(draft, stored, real, reader.map)
    }, blockSize)
  }

  #emitSparse(draft: Draft, stored: number, real: number, map: readonly number[]): void {
    const sparse = buildSegments(map, { real, stored }, this.#offset)
    this.#emit({ ...draft, stored }, real, sparse)
  }

  #emit(draft: Draft, size: number, sparse?: readonly SparseSegment[]): void {
    const storedSize = draft.stored
    this.#dataLeft = storedSize
    this.#skipLeft = paddingOf(storedSize)
    const position = { size, offset: this.#offset, storedSize }
    this.#sink.entry({ ...draft.entry, ...position, ...(sparse !== undefined && { sparse }) })
  }
}
