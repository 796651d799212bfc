import { crc32 } from 'node:zlib'
import { Deflater, type DeflateLevel } from './deflate/deflate.ts'

/** Bytes of input that become one member. */
export const memberBytes: number = 1024 * 1024
/** Most bytes of a member. */
export const mostMemberBytes: number = memberBytes + 16_384

/** Level 6 would be 1 % smaller and take a quarter longer. */
export const gzipLevel = 4

export type GzipLevel = DeflateLevel

/** No time, no name, no system. Source: RFC 1952, 2.3. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)
const trailerBytes = 8
let deflater: Deflater | undefined

/** Writes one gzip member to `target` and returns its length. Its bytes depend on `data` and `level` alone. */
export function writeGzipMember(data: Uint8Array, level: GzipLevel, target: Uint8Array): number {
  const deflated = (deflater ??= new Deflater()).deflate(data, level)
  target.set(header)
  target.set(deflated, header.length)
  const end = header.length + deflated.length
  const trailer = new DataView(target.buffer, target.byteOffset + end, trailerBytes)
  trailer.setUint32(0, crc32(data), true)
  trailer.setUint32(4, data.length, true)
  return end + trailerBytes
}
