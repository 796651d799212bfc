import { Readable } from 'node:stream'
import { failure } from '../util/errors.ts'
import { encodeTarHeader, type TarHeader } from './encode-header.ts'
import { encodePlainHeader } from './encode-plain-header.ts'
import { blockSize, paddingOf } from './format.ts'

/** Room that `addPlain` may need: padding and one block. */
export const mostPlainBytes: number = 2 * blockSize

/**
 * Makes the bytes of a tar around file data that the caller writes itself, straight from file to file:
 * for each entry `add`'s bytes, then exactly `size` bytes of data; at the end `end`'s bytes.
 */
export class TarWriter {
  #offset = 0
  #padding = 0
  #dataOffset = 0

  /** Position at which the next bytes go: after `add`, that of the entry's data. */
  get offset(): number {
    return this.#offset
  }

  /** Where the data of the entry added last goes. */
  get dataOffset(): number {
    return this.#dataOffset
  }

  /**
   * As `add`, but writes the bytes to `target` at `at`, where `mostPlainBytes` must have room, and returns how many.
   * 0, with nothing done, for an entry that needs more than one block or has a rare name: `add` takes it.
   */
  addPlain(entry: TarHeader, target: Buffer, at: number): number {
    if (!encodePlainHeader(entry, target, at + this.#padding)) return 0
    if (this.#padding > 0) target.fill(0, at, at + this.#padding)
    const written = this.#padding + blockSize
    this.#count(entry, written)
    return written
  }

  /**
   * Padding of the entry before, and the headers of this one. Counts the data as written.
   * `dataOffset` is where the data goes.
   */
  add(entry: TarHeader): { readonly bytes: Buffer; readonly dataOffset: number } {
    const header = encodeTarHeader(entry)
    const bytes = this.#padding === 0 ? header : Buffer.concat([Buffer.alloc(this.#padding), header])
    this.#count(entry, bytes.length)
    return { bytes, dataOffset: this.#dataOffset }
  }

  #count({ type, size = 0 }: TarHeader, written: number): void {
    const data = type === 'file' ? size : 0
    this.#dataOffset = this.#offset + written
    this.#padding = paddingOf(data)
    this.#offset = this.#dataOffset + data
  }

  /** Padding of the last entry and the two zero blocks that end the archive. */
  end(): Buffer {
    const bytes = Buffer.alloc(this.#padding + 2 * blockSize)
    this.#offset += bytes.length
    this.#padding = 0
    return bytes
  }
}

/** An entry to be written, with its data: `size` of the header must be its length. */
export interface TarSource {
  readonly header: TarHeader
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
}

/**
 * A tar of `sources`, in their order, as a stream. It fails with CONTEXT_CHANGED when a body is longer or shorter than its header
 * says (a file that changed while it was read): a wrong length would shift everything behind it.
 */
export function writeTar(sources: Iterable<TarSource> | AsyncIterable<TarSource>): Readable {
  return Readable.from(tarChunks(sources), { objectMode: false, highWaterMark: 1024 * 1024 })
}

async function* tarChunks(
  sources: Iterable<TarSource> | AsyncIterable<TarSource>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const writer = new TarWriter()
  for await (const { header, body } of sources) {
    yield writer.add(header).bytes
    const size = header.type === 'file' ? (header.size ?? 0) : 0
    let written = 0
    for await (const chunk of body instanceof Uint8Array ? [body] : (body ?? [])) {
      written += chunk.length
      if (written > size) throw failure('CONTEXT_CHANGED', { path: header.path })
      if (chunk.length > 0) yield chunk
    }
    if (written !== size) throw failure('CONTEXT_CHANGED', { path: header.path })
  }
  yield writer.end()
}
