import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { isChecksumRight } from '../../tar/header.ts'
import { sniffCompression, type Compression } from '../../util/compression.ts'
import { collectText } from '../../util/run-program.ts'
import { failure } from '../../util/errors.ts'

export type ArchiveFormat = 'tar' | Compression

/** What the first bytes (512 where there are as many) are, whatever the name says (B45); undefined is no archive. */
export function sniffArchive(head: Buffer): ArchiveFormat | undefined {
  return sniffCompression(head) ?? (head.length >= 512 && isChecksumRight(head, 0) ? 'tar' : undefined)
}

/** The bytes behind the compression. Errors: COMPRESSION_CORRUPT, PROGRAM_MISSING. */
export async function* decompressed(source: Readable, format: ArchiveFormat): AsyncGenerator<Buffer> {
  if (format === 'tar') yield* source as AsyncIterable<Buffer>
  else if (format === 'gzip' || format === 'zstd') yield* inflate(source, format)
  else yield* throughProgram(source, format)
}

async function* inflate(source: Readable, format: 'gzip' | 'zstd'): AsyncGenerator<Buffer> {
  const chunkSize = 262_144
  const stream = format === 'gzip' ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize })
  source.once('error', (error) => stream.destroy(error))
  try {
    yield* source.pipe(stream) as AsyncIterable<Buffer>
  } catch (error) {
    throw compressionFailure(error, format)
  } finally {
    stream.destroy()
    source.destroy()
  }
}

function compressionFailure(error: unknown, format: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const isCut = code === 'Z_BUF_ERROR' || code === 'ZSTD_error_srcSize_wrong'
  if (!isCut && !code.startsWith('Z_') && !code.startsWith('ZSTD_')) return error
  const reason = isCut ? 'it is truncated' : (error as Error).message
  return failure('COMPRESSION_CORRUPT', { format, reason }, { cause: error })
}

async function* throughProgram(source: Readable, format: 'bzip2' | 'xz'): AsyncGenerator<Buffer> {
  const child = spawn(format, ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  // a missing program is told by `error` before `close`
  const failed = once(child, 'error').then(([error]) => error as NodeJS.ErrnoException)
  failed.catch(() => undefined)
  ended.catch(() => undefined)
  child.stdin.on('error', () => undefined)
  source.once('error', () => child.kill('SIGKILL'))
  source.pipe(child.stdin)
  const message = collectText(child.stderr, 4096)
  message.catch(() => undefined)
  try {
    yield* child.stdout as AsyncIterable<Buffer>
    const code = await ended
    if (source.errored !== null) throw source.errored
    if (code !== 0)
      throw failure('COMPRESSION_CORRUPT', { format, reason: (await message).trim() || 'it failed' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw failure('PROGRAM_MISSING', { program: format, package: format === 'xz' ? 'xz-utils' : 'bzip2' })
    }
    throw error
  } finally {
    child.kill('SIGKILL')
    source.destroy()
  }
}
