import { decodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import type { TarLimits } from './limits.ts'
import { malformed, overLimit } from './malformed.ts'
import { readDecimal, readPaxTime } from './numbers.ts'
import type { PaxRecord } from './pax.ts'

/** The records of a PAX header that mean something here. */
export interface PaxFields {
  path?: string
  linkPath?: string
  size?: number
  uid?: number
  gid?: number
  mtime?: bigint
  xattrs?: Map<string, Uint8Array>
  sparse?: PaxSparse
}

/** GNU sparse records of the three PAX forms. */
export interface PaxSparse {
  major?: number
  realSize?: number
  name?: string
  /** Pairs of offset and length, flat. */
  map: number[]
  /** Map entries stated by the header. */
  blocks?: number
}

/** Biggest owner: 2^32 - 1 is "no owner" to chown(2) and becomes 0 in careless programs (class of CVE-2024-40635). */
const maxOwner = 0xffff_fffe

/** @throws LAYER_TAR_MALFORMED, LAYER_OWNER_RANGE, LAYER_LIMIT. */
export function readPaxFields(records: readonly PaxRecord[], offset: number, limits: TarLimits): PaxFields {
  const fields: PaxFields = {}
  for (const { key, value } of records) readRecord(fields, key, value, offset, limits)
  return fields
}

function readRecord(fields: PaxFields, key: string, value: Buffer, offset: number, limits: TarLimits): void {
  if (key.startsWith('GNU.sparse.'))
    readSparse((fields.sparse ??= { map: [] }), key.slice(11), value, offset, limits)
  else if (key.startsWith('SCHILY.xattr.'))
    readXattr(fields, unescapeKey(key.slice('SCHILY.xattr.'.length)), value, offset, limits)
  else if (key.startsWith('LIBARCHIVE.xattr.')) readLibarchiveXattr(fields, key, value, offset, limits)
  else readStandard(fields, key, value, offset)
}

/** An empty value takes an earlier record of the key back (POSIX), so the header's own field counts. */
function readStandard(fields: PaxFields, key: string, value: Buffer, offset: number): void {
  switch (key) {
    case 'path':
      return assign(fields, 'path', value, (text) => text)
    case 'linkpath':
      return assign(fields, 'linkPath', value, (text) => text)
    case 'size':
      return assign(fields, 'size', value, (text) => need(readDecimal(text), offset, `PAX size "${text}"`))
    case 'uid':
    case 'gid':
      return assign(fields, key, value, (text) => checkOwner(readDecimal(text), text, fields.path ?? ''))
    case 'mtime':
      return assign(fields, 'mtime', value, (text) => need(readPaxTime(text), offset, `PAX mtime "${text}"`))
    default:
      return
  }

  function assign<Key extends 'path' | 'linkPath' | 'size' | 'uid' | 'gid' | 'mtime'>(
    into: PaxFields,
    name: Key,
    bytes: Buffer,
    read: (text: string) => NonNullable<PaxFields[Key]>,
  ): void {
    // A NUL would end the name for C programs and not for others: one name with two meanings.
    if (bytes.includes(0)) throw malformed(offset, `NUL byte in PAX ${key}`)
    if (bytes.length === 0) delete into[name]
    else into[name] = read(decodeBytes(bytes))
  }
}

/** @throws LAYER_OWNER_RANGE, for what is no number too. */
export function checkOwner(owner: number | undefined, text: string, path: string): number {
  if (owner === undefined || owner < 0 || owner > maxOwner)
    throw failure('LAYER_OWNER_RANGE', { path, owner: text })
  return owner
}

function need<Value>(value: Value | undefined, offset: number, what: string): Value {
  if (value === undefined) throw malformed(offset, `${what} is not a valid number`)
  return value
}

function readXattr(fields: PaxFields, name: string, value: Buffer, offset: number, limits: TarLimits): void {
  if (name === '' || name.includes('\0')) throw malformed(offset, 'extended attribute without a valid name')
  if (value.length > limits.xattrBytes)
    throw overLimit(`value of extended attribute ${name}`, value.length, limits.xattrBytes)
  fields.xattrs ??= new Map()
  // A copy: the record is a view into a chunk that the caller may use again.
  fields.xattrs.set(name, Buffer.from(value))
}

/** GNU tar escapes `=`, which would end the key, and its escape sign. */
function unescapeKey(name: string): string {
  return name.replace(/%(?:3D|25)/g, (code) => (code === '%25' ? '%' : '='))
}

/** libarchive writes the name with URL escapes and the value in base64; SCHILY's record, when both are there, counts. */
function readLibarchiveXattr(
  fields: PaxFields,
  key: string,
  value: Buffer,
  offset: number,
  limits: TarLimits,
): void {
  const name = key
    .slice('LIBARCHIVE.xattr.'.length)
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const text = decodeBytes(Buffer.from(name, 'latin1'))
  if (fields.xattrs?.has(text) === true) return
  readXattr(fields, text, Buffer.from(value.toString('latin1'), 'base64'), offset, limits)
}

function readSparse(sparse: PaxSparse, key: string, value: Buffer, offset: number, limits: TarLimits): void {
  const text = decodeBytes(value)
  if (key === 'name') {
    if (value.includes(0)) throw malformed(offset, 'NUL byte in GNU.sparse.name')
    sparse.name = text
    return
  }
  if (key === 'map') {
    const numbers = text.split(',')
    if (numbers.length > 2 * limits.sparseSegments)
      throw overLimit('runs of a sparse file', numbers.length / 2, limits.sparseSegments)
    sparse.map = numbers.map((number) => need(readDecimal(number), offset, 'GNU.sparse.map'))
    return
  }
  if (key === 'size' || key === 'realsize') {
    sparse.realSize = readRealSize(text, offset, limits)
    return
  }
  if (!['major', 'minor', 'numblocks', 'offset', 'numbytes'].includes(key)) return
  const number = need(readDecimal(text), offset, `GNU.sparse.${key}`)
  if (key === 'major') sparse.major = number
  else if (key === 'numblocks') sparse.blocks = number
  else if (key === 'offset' || key === 'numbytes') {
    if ((sparse.map.length % 2 === 0) !== (key === 'offset'))
      throw malformed(offset, 'GNU.sparse.offset and numbytes out of turn')
    if (sparse.map.length >= 2 * limits.sparseSegments)
      throw overLimit('runs of a sparse file', sparse.map.length / 2 + 1, limits.sparseSegments)
    sparse.map.push(number)
  }
}

/** A length beyond the limit is told apart from nonsense: 4 EiB is a valid number of GNU tar. */
function readRealSize(text: string, offset: number, limits: TarLimits): number {
  if (!/^[0-9]{1,25}$/.test(text)) throw malformed(offset, `size of a sparse file "${text}"`)
  if (BigInt(text) > BigInt(limits.fileBytes))
    throw overLimit('size of a sparse file', BigInt(text), limits.fileBytes)
  return Number(text)
}
