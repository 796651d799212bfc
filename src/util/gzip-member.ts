import { crc32 } from 'node:zlib'
import { deflateSync } from 'fflate'

/** Bytes of input that become one member. */
export const memberBytes: number = 1024 * 1024

/** Level 6 would be 1 % smaller and take half as long again. */
export const gzipLevel = 4

/** As `deflate` counts: 0 stores, 9 is smallest. */
export type GzipLevel = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9

/**
 * One gzip member. Its bytes depend on `data` and `level` alone: the encoder is plain JavaScript of one exact version, and the
 * header has no time, no name and no system. Source: RFC 1952, 2.3.
 */
export function gzipMember(data: Uint8Array, level: GzipLevel = gzipLevel): Buffer {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(data), 0)
  trailer.writeUInt32LE(data.length, 4)
  return Buffer.concat([header, deflateSync(data, { level }), trailer])
}
