import { closeSync, createReadStream, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { Readable } from 'node:stream'
import { fromNodeError } from '../../linux/system-failure.ts'
import { checkLayerEntry } from '../../tar/check-entry.ts'
import type { LayerTarEntry } from '../../tar/check-entry.ts'
import { TarParser } from '../../tar/parser.ts'
import { failure } from '../../util/errors.ts'

/** A tar that lies uncompressed in the store, with its table of contents: it is never unpacked. */
export interface SpooledTar extends Disposable {
  /** Checked against the attack table, in the tar's order; only nodes. */
  readonly entries: readonly LayerTarEntry[]
  /** Bytes of a file from `offset` of its content on; fewer at its end. */
  read(entry: LayerTarEntry, target: Buffer, offset: number): number
  /** The content as a stream. */
  open(entry: LayerTarEntry): Readable
}

const limit = 64 * 1024 ** 3

/**
 * Writes `chunks` to a new file at `path` and reads the headers on the way. The file goes with `dispose`.
 * Errors: LAYER_TAR_* and LAYER_PATH_ESCAPE for a bad tar, LAYER_WHITEOUT_INVALID when it would hide files.
 */
export async function spoolTar(
  chunks: AsyncIterable<Buffer>,
  path: string,
  signal: AbortSignal | undefined,
): Promise<SpooledTar> {
  const entries: LayerTarEntry[] = []
  const parser = new TarParser({
    entry: (entry) => {
      const checked = checkLayerEntry(entry)
      if (checked.kind !== 'node') throw failure('LAYER_WHITEOUT_INVALID', { path: entry.path })
      entries.push(checked)
    },
  })
  const file = openSync(path, 'wx+', 0o600)
  try {
    let size = 0
    for await (const chunk of chunks) {
      if (signal?.aborted === true) throw failure('CANCELED', {})
      size += chunk.length
      if (size > limit)
        throw failure('BUILD_CONTEXT_INVALID', { reason: `the tar is larger than ${limit} bytes` })
      for (let done = 0; done < chunk.length;) done += writeSync(file, chunk, done)
      parser.push(chunk)
    }
    parser.end()
    return new OpenTar(path, file, entries)
  } catch (error) {
    closeSync(file)
    rmSync(path, { force: true })
    throw fromNodeError(error, path)
  }
}

class OpenTar implements SpooledTar {
  readonly #path: string
  readonly entries: readonly LayerTarEntry[]
  readonly #file: number

  constructor(path: string, file: number, entries: readonly LayerTarEntry[]) {
    this.#path = path
    this.#file = file
    this.entries = entries
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
    rmSync(this.#path, { force: true })
  }

  read({ entry }: LayerTarEntry, target: Buffer, offset: number): number {
    const length = Math.min(target.length, entry.size - offset)
    if (length <= 0) return 0
    if (entry.sparse === undefined) return readSync(this.#file, target, 0, length, entry.offset + offset)
    target.fill(0, 0, length)
    for (const segment of entry.sparse) {
      const from = Math.max(offset, segment.offset)
      const to = Math.min(offset + length, segment.offset + segment.length)
      if (from < to)
        readSync(this.#file, target, from - offset, to - from, segment.tarOffset + from - segment.offset)
    }
    return length
  }

  open(member: LayerTarEntry): Readable {
    const { entry } = member
    if (entry.size === 0) return Readable.from([])
    if (entry.sparse === undefined) {
      return createReadStream(this.#path, { start: entry.offset, end: entry.offset + entry.size - 1 })
    }
    return Readable.from(this.#pieces(member), { objectMode: false })
  }

  *#pieces(member: LayerTarEntry): Generator<Buffer> {
    for (let at = 0; at < member.entry.size;) {
      const piece = Buffer.alloc(262_144)
      const length = this.read(member, piece, at)
      yield piece.subarray(0, length)
      at += length
    }
  }
}
