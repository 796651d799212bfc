import type { Readable } from 'node:stream'
import { constants, createZstdCompress } from 'node:zlib'
import { failure } from './errors.ts'
import { gzipDeterministic } from './gzip-deterministic.ts'
import { gzipLevel, type GzipLevel } from './gzip-member.ts'

const zstdLevel = 3

/** `source` compressed; gzip's bytes are the same on every machine. Errors of `source` reach the reader. */
export function compressStream(source: Readable, type: 'gzip' | 'zstd', level: number): Readable {
  if (type === 'gzip') return gzipDeterministic(source, level as GzipLevel)
  const encoder = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  source.once('error', (error) => encoder.destroy(error))
  return source.pipe(encoder)
}

/** The level asked for, or the usual one. INVALID_ARGUMENT for one that the encoder does not have. */
export function compressionLevel(type: 'gzip' | 'zstd', level: number | undefined): number {
  const [least, most, usual] = type === 'gzip' ? [0, 9, gzipLevel] : [1, 22, zstdLevel]
  if (level === undefined) return usual
  if (Number.isInteger(level) && level >= least && level <= most) return level
  throw failure('INVALID_ARGUMENT', {
    reason: `${type} has no compression level ${level}: there are ${least} to ${most}`,
  })
}
