import { decodeBytes } from '../util/byte-string.ts'
import { blockSize, field, typeFlagOffset, type Field } from './format.ts'
import { readNumber } from './numbers.ts'

/** Which dialect a header block is in: it decides what the bytes from 345 on mean. */
export type Dialect = 'v7' | 'ustar' | 'gnu'

export function isZeroBlock(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + blockSize; i++) if (bytes[i] !== 0) return false
  return true
}

/** The sum of a header's bytes, its checksum field taken as spaces; `signed` as old Suns summed. */
function sumHeader(bytes: Uint8Array, at: number, signed: boolean): number {
  let sum = 0
  for (let i = at; i < at + blockSize; i++) sum += bytes[i] ?? 0
  const [from, length] = field.checksum
  for (let i = at + from; i < at + from + length; i++) sum += 0x20 - (bytes[i] ?? 0)
  if (!signed) return sum
  for (let i = at; i < at + blockSize; i++)
    if ((bytes[i] ?? 0) > 127 && (i < at + from || i >= at + from + length)) sum -= 256
  return sum
}

export function isChecksumRight(bytes: Uint8Array, at: number): boolean {
  const stated = readNumber(bytes, at + field.checksum[0], field.checksum[1])
  return stated === sumHeader(bytes, at, false) || stated === sumHeader(bytes, at, true)
}

export function writeChecksum(bytes: Buffer, at: number = 0): void {
  const text = sumHeader(bytes, at, false).toString(8).padStart(6, '0')
  bytes.write(`${text}\0 `, at + field.checksum[0], 'latin1')
}

export function dialectOf(bytes: Buffer, at: number): Dialect {
  const magic = bytes.toString('latin1', at + field.magic[0], at + field.magic[0] + field.magic[1])
  if (magic === 'ustar  \0') return 'gnu'
  return magic.startsWith('ustar\0') ? 'ustar' : 'v7'
}

export function typeFlagOf(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(bytes[at + typeFlagOffset] ?? 0)
}

/** A name field: up to its first NUL. */
export function readName(bytes: Buffer, at: number, [from, length]: Field): string {
  const start = at + from
  let end = start
  let high = 0
  for (; end < start + length; end++) {
    const byte = bytes[end] ?? 0
    if (byte === 0) break
    high |= byte
  }
  return high < 0x80 ? bytes.toString('latin1', start, end) : decodeBytes(bytes.subarray(start, end))
}

/** Name with the ustar prefix joined; only real ustar headers have one: GNU keeps times and maps in its place. */
export function readPath(bytes: Buffer, at: number, dialect: Dialect): string {
  const name = readName(bytes, at, field.name)
  if (dialect !== 'ustar' || bytes[at + field.prefix[0]] === 0) return name
  return `${readName(bytes, at, field.prefix)}/${name}`
}
