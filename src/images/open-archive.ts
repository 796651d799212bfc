import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { sniffCompression, sniffLength, type Compression } from '../util/compression.ts'
import { decompress } from '../util/decompress.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { collectText } from '../util/run-program.ts'

/**
 * The tar inside whatever a user hands to `load` or `import`: plain, gzip or zstd here, bzip2 and xz by their programs.
 * ARCHIVE_EMPTY, ARCHIVE_INVALID for a zip, and the COMPRESSION codes.
 */
export async function openArchive(source: Readable, options: OpOptions = {}): Promise<Readable> {
  const head = await readHead(source)
  if (head.length === 0) throw failure('ARCHIVE_EMPTY', {})
  if (head.subarray(0, 4).equals(Buffer.from('PK\x03\x04'))) {
    throw failure('ARCHIVE_INVALID', { reason: 'it is a zip' })
  }
  const whole = Readable.from(joined(head, source), { objectMode: false })
  const format = sniffCompression(head)
  if (format === 'bzip2' || format === 'xz') return unpackedBy(format, whole)
  return Readable.from(decompress(whole as AsyncIterable<Buffer>, { signal: options.signal }), {
    objectMode: false,
  })
}

/** The first bytes, however small the pieces come; they are taken from the stream. */
async function readHead(source: Readable): Promise<Buffer> {
  let head = Buffer.alloc(0)
  while (head.length < sniffLength) {
    const piece = source.read() as Buffer | null
    if (piece !== null) head = Buffer.concat([head, piece])
    else if (source.readableEnded || source.destroyed) break
    else await Promise.race([once(source, 'readable'), once(source, 'end')])
  }
  return head
}

async function* joined(head: Buffer, rest: Readable): AsyncGenerator<Buffer> {
  yield head
  yield* rest as AsyncIterable<Buffer>
}

function unpackedBy(format: Extract<Compression, 'bzip2' | 'xz'>, source: Readable): Readable {
  const child = spawn(format, ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const words = collectText(child.stderr, 64 * 1024)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', (cause) =>
      reject(
        failure(
          'PROGRAM_MISSING',
          { program: format, package: format === 'xz' ? 'xz-utils' : format },
          { cause },
        ),
      ),
    )
  })
  // judged by the exit code: a program that found the data broken closes its input early
  pipeline(source, child.stdin).catch(() => {})
  return Readable.from(output(), { objectMode: false })

  async function* output(): AsyncGenerator<Buffer> {
    try {
      yield* child.stdout as AsyncIterable<Buffer>
      if ((await ended) !== 0) throw failure('COMPRESSION_CORRUPT', { format, reason: (await words).trim() })
    } finally {
      child.kill()
    }
  }
}
