import { pipeline, Readable, type Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { sniffCompression, sniffLength, type Compression } from './compression.ts'
import { failure, isMilleError } from './errors.ts'
import type { Inflater } from './inflater.ts'
import { ZstdFrameSplitter } from './zstd-frames.ts'

export interface DecompressOptions {
  /** What the data is; default: by its first bytes, `none` when they are of no known format. */
  readonly format?: Compression | 'none'
  /** A faster inflater for gzip (`openIsalInflater`); zlib is used when there is none or it gives undefined. */
  readonly openInflater?: (() => Inflater | undefined) | undefined
  /** Most bytes of output; LAYER_LIMIT beyond. */
  readonly maxBytes?: number | undefined
  /** Most bytes of output for each byte of input, once there is 16 MiB of output; LAYER_LIMIT beyond. */
  readonly maxRatio?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const outputBytes = 512 * 1024
const ratioFrom = 16 * 1024 * 1024

/**
 * The data of `source`, decompressed and verified: checksums and lengths are right, the stream is whole, nothing
 * follows it, and it was not compressed twice. Several gzip members or zstd frames count as one stream. Holds a few
 * chunks at a time, whatever the data expands to.
 * @throws COMPRESSION_CORRUPT, COMPRESSION_TRUNCATED, COMPRESSION_TRAILING, COMPRESSION_NESTED,
 * COMPRESSION_UNSUPPORTED (bzip2, xz), LAYER_LIMIT (size, ratio, zstd window); errors of `source` as they are
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const input = new CountedInput(source, options.signal)
  try {
    const format = options.format ?? sniffCompression(await input.peek(sniffLength)) ?? 'none'
    if (format === 'none') yield* checkLimits(input.chunks(), format, input, options)
    else yield* checkLimits(open(format, input, options), format, input, options)
  } finally {
    await input.close()
  }
}

function open(format: Compression, input: CountedInput, options: DecompressOptions): AsyncIterable<Buffer> {
  if (format === 'zstd') return unzstd(input)
  if (format !== 'gzip') throw failure('COMPRESSION_UNSUPPORTED', { format })
  const inflater = options.openInflater?.()
  return inflater === undefined ? gunzip(input) : inflate(input, inflater)
}

/** The source with a look ahead, and a count of what was taken. */
class CountedInput {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #signal: AbortSignal | undefined
  #ahead: Buffer[] = []
  bytes = 0

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#source = source[Symbol.asyncIterator]()
    this.#signal = signal
  }

  async #read(): Promise<Buffer | undefined> {
    this.#signal?.throwIfAborted()
    const { done, value } = await this.#source.next()
    if (done === true) return undefined
    return Buffer.from(value.buffer, value.byteOffset, value.length)
  }

  async peek(length: number): Promise<Buffer> {
    let found = 0
    while (found < length) {
      const chunk = await this.#read()
      if (chunk === undefined) break
      this.#ahead.push(chunk)
      found += chunk.length
    }
    return Buffer.concat(this.#ahead).subarray(0, length)
  }

  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const chunk = this.#ahead.shift() ?? (await this.#read())
      if (chunk === undefined) return
      if (chunk.length === 0) continue
      this.bytes += chunk.length
      yield chunk
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }
}

async function* checkLimits(
  output: AsyncIterable<Buffer>,
  format: Compression | 'none',
  input: CountedInput,
  { maxBytes = Infinity, maxRatio = Infinity }: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  let total = 0
  for await (const chunk of output) {
    // The first chunk of a decoder is long enough to tell; a tar starts with a file's name.
    const inner = total === 0 && format !== 'none' ? sniffCompression(chunk) : undefined
    if (inner !== undefined) throw failure('COMPRESSION_NESTED', { format, inner })
    total += chunk.length
    if (total > maxBytes)
      throw failure('LAYER_LIMIT', { what: 'uncompressed size', found: total, limit: maxBytes })
    if (total > ratioFrom && total > input.bytes * maxRatio) {
      const found = Math.round(total / input.bytes)
      throw failure('LAYER_LIMIT', { what: 'compression ratio', found, limit: maxRatio })
    }
    yield chunk
  }
}

async function* inflate(input: CountedInput, inflater: Inflater): AsyncGenerator<Buffer, void, undefined> {
  let output = Buffer.allocUnsafeSlow(outputBytes)
  let filled = 0
  let members = 0
  let between = true
  for await (const chunk of input.chunks()) {
    let at = 0
    while (at < chunk.length || filled === output.length) {
      if (filled === output.length) {
        yield output
        output = Buffer.allocUnsafeSlow(outputBytes)
        filled = 0
      }
      // A gzip member starts with this byte; anything else after a whole one is rubbish.
      if (between && members > 0 && at < chunk.length && chunk[at] !== 0x1f)
        throw failure('COMPRESSION_TRAILING', { format: 'gzip', bytes: chunk.length - at })
      if (between && at === chunk.length) break
      const step = inflater.push(chunk.subarray(at), output.subarray(filled))
      at += step.consumed
      filled += step.produced
      between = step.done
      if (step.done) members++
    }
  }
  if (!between || members === 0) throw truncated('gzip', input)
  if (filled > 0) yield output.subarray(0, filled)
}

async function* gunzip(input: CountedInput): AsyncGenerator<Buffer, void, undefined> {
  const decoder = createGunzip({ chunkSize: 256 * 1024 })
  yield* run('gzip', input, input.chunks(), decoder)
  // Zeros after the last member end zlib's stream without a word.
  if (decoder.bytesWritten < input.bytes)
    throw failure('COMPRESSION_TRAILING', { format: 'gzip', bytes: input.bytes - decoder.bytesWritten })
}

async function* unzstd(input: CountedInput): AsyncGenerator<Buffer, void, undefined> {
  const splitter = new ZstdFrameSplitter()
  const frames = async function* (): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of input.chunks()) yield* splitter.push(chunk)
    if (!splitter.complete) throw truncated('zstd', input)
  }
  yield* run('zstd', input, frames(), createZstdDecompress({ chunkSize: 256 * 1024 }))
}

async function* run(
  format: Compression,
  input: CountedInput,
  chunks: AsyncGenerator<Buffer, void, undefined>,
  decoder: Transform,
): AsyncGenerator<Buffer, void, undefined> {
  // Errors come out of the decoder, where the loop below meets them.
  pipeline(Readable.from(chunks, { objectMode: false }), decoder, () => undefined)
  try {
    for await (const chunk of decoder) yield chunk as Buffer
  } catch (error) {
    throw explain(format, error, input)
  }
}

function explain(format: Compression, error: unknown, input: CountedInput): unknown {
  if (!(error instanceof Error) || isMilleError(error)) return error
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'Z_BUF_ERROR') return truncated(format, input, error)
  if (code.startsWith('Z_') || code.startsWith('ZSTD_'))
    return failure('COMPRESSION_CORRUPT', { format, reason: error.message }, { cause: error })
  return error
}

function truncated(format: Compression, input: CountedInput, cause?: unknown): Error {
  return failure('COMPRESSION_TRUNCATED', { format, bytes: input.bytes }, { cause })
}
