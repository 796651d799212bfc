import { Readable, type Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { failure } from '../../util/errors.ts'

const chunkSize = 1_048_576

/**
 * The bytes behind gzip or zstd; told by the first bytes, because media types in the wild lie; anything else passes as
 * it is. Fails with COMPRESSION_CORRUPT or COMPRESSION_TRUNCATED.
 */
export async function* decompress(source: Iterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.iterator]()
  const first = chunks.next()
  if (first.done === true) return
  const all = startingWith(first.value, chunks)
  const format = formatOf(first.value)
  if (format === undefined) {
    yield* all
    return
  }
  const stream: Transform =
    format === 'gzip' ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize })
  const input = Readable.from(all, { objectMode: false })
  input.once('error', (error) => stream.destroy(error))
  try {
    yield* input.pipe(stream) as AsyncIterable<Buffer>
  } catch (error) {
    throw translate(error, format, stream)
  } finally {
    stream.destroy()
    input.destroy()
  }
}

function formatOf(bytes: Buffer): 'gzip' | 'zstd' | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip'
  return bytes.length >= 4 && bytes.readUInt32LE() === 0xfd2fb528 ? 'zstd' : undefined
}

function* startingWith(first: Buffer, rest: Iterator<Buffer>): Generator<Buffer> {
  yield first
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value
}

function translate(error: unknown, format: string, stream: Transform): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (code === 'Z_BUF_ERROR' || code === 'ZSTD_error_srcSize_wrong')
    return failure('COMPRESSION_TRUNCATED', { format, bytes: stream.writableLength }, { cause: error })
  if (code.startsWith('Z_') || code.startsWith('ZSTD_'))
    return failure('COMPRESSION_CORRUPT', { format, reason: (error as Error).message }, { cause: error })
  return error
}
