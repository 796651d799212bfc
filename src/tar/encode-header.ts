import { encodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import type { TarEntry, TarType } from './entry.ts'
import { blockSize, field, paddingOf, second, typeFlagOffset, type Field } from './format.ts'
import { writeChecksum } from './header.ts'
import { writePaxTime } from './numbers.ts'
import { writePaxRecord } from './pax.ts'

/**
 * Version of the bytes that the writer makes. Same entries and same version give the same bytes on every machine; any
 * change of the bytes needs a new version, because diff IDs and the build cache depend on them.
 */
export const tarFormatVersion = 1

/** What a header is made from; of a directory the path may end in `/` or not. The root is `.` */
export type TarHeader = Pick<
  TarEntry,
  'path' | 'type' | 'mode' | 'uid' | 'gid' | 'mtime' | 'linkTarget' | 'device' | 'xattrs'
> & {
  /** Bytes of data that follow; only for files. */
  readonly size?: number
}

export const typeFlags: Readonly<Record<TarType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

/** Biggest numbers of octal fields: seven and eleven digits. */
export const maxOwner = 0o7777777
export const maxLong = 0o77777777777

/**
 * All header blocks of one entry: one ustar block when it can say everything, else a PAX header before it. Nothing of
 * the writing machine goes in: no user names, no access or change times, no process id, constant PAX header name.
 * @throws LAYER_PATH_INVALID for an empty name or a NUL byte
 */
export function encodeTarHeader(entry: TarHeader): Buffer {
  const name = nameBytes(entry)
  const link = entry.linkTarget === undefined ? Buffer.alloc(0) : checkNul(entry.linkTarget, entry.path)
  const split = splitName(name)
  const records = paxRecords(entry, split === undefined ? name : undefined, link)
  const block = Buffer.alloc(blockSize)
  fillCommon(block, typeFlags[entry.type], {
    mode: entry.mode & 0o7777,
    // Where PAX holds the true number, a reader without PAX must not take the owner for root.
    uid: Math.min(entry.uid, maxOwner),
    gid: Math.min(entry.gid, maxOwner),
    size: sizeOf(entry) > maxLong ? 0 : sizeOf(entry),
    seconds: clampSeconds(entry.mtime),
  })
  const { prefix, base } = split ?? { prefix: undefined, base: name.subarray(0, field.name[1]) }
  base.copy(block, field.name[0])
  prefix?.copy(block, field.prefix[0])
  link.copy(block, field.linkName[0], 0, Math.min(link.length, field.linkName[1]))
  writeOctal(block, field.devMajor, entry.device?.major ?? 0)
  writeOctal(block, field.devMinor, entry.device?.minor ?? 0)
  writeChecksum(block)
  return records.length === 0 ? block : Buffer.concat([encodePaxHeader(Buffer.concat(records)), block])
}

function nameBytes(entry: TarHeader): Buffer {
  const path = entry.type === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path
  if (entry.path === '') throw failure('LAYER_PATH_INVALID', { path: '', reason: 'empty name' })
  return checkNul(path, entry.path)
}

function checkNul(text: string, path: string): Buffer {
  if (text.includes('\0')) throw failure('LAYER_PATH_INVALID', { path, reason: 'NUL byte in a name' })
  return encodeBytes(text)
}

function sizeOf(entry: TarHeader): number {
  return entry.type === 'file' ? (entry.size ?? 0) : 0
}

/** Splits at the first slash that leaves a base of at most 100 bytes; undefined when ustar cannot hold the name. */
function splitName(name: Buffer): { readonly prefix: Buffer | undefined; readonly base: Buffer } | undefined {
  if (name.length <= field.name[1]) return { prefix: undefined, base: name }
  const slash = name.indexOf(0x2f, name.length - field.name[1] - 1)
  if (slash <= 0 || slash > field.prefix[1] || slash === name.length - 1) return undefined
  return { prefix: name.subarray(0, slash), base: name.subarray(slash + 1) }
}

/** Fixed order; attributes sorted by the bytes of their names. */
function paxRecords(entry: TarHeader, longName: Buffer | undefined, link: Buffer): Buffer[] {
  const records: Buffer[] = []
  const add = (key: string, value: string | Uint8Array): void => {
    records.push(writePaxRecord(key, typeof value === 'string' ? Buffer.from(value) : value))
  }
  if (longName !== undefined) add('path', longName)
  if (link.length > field.linkName[1]) add('linkpath', link)
  if (sizeOf(entry) > maxLong) add('size', String(sizeOf(entry)))
  if (entry.uid > maxOwner) add('uid', String(entry.uid))
  if (entry.gid > maxOwner) add('gid', String(entry.gid))
  if (entry.mtime !== BigInt(clampSeconds(entry.mtime)) * second) add('mtime', writePaxTime(entry.mtime))
  const attributes = [...(entry.xattrs ?? [])].map(([name, value]) => ({
    name,
    bytes: encodeBytes(name),
    value,
  }))
  attributes.sort((a, b) => a.bytes.compare(b.bytes))
  for (const { name, value } of attributes) add(`SCHILY.xattr.${name.replace(/[%=]/g, escapeKey)}`, value)
  return records
}

/** `=` would end the key; GNU tar escapes it (and the escape sign) like this and reads it back. */
function escapeKey(char: string): string {
  return char === '%' ? '%25' : '%3D'
}

function clampSeconds(time: bigint): number {
  if (time < 0n) return 0
  return Math.min(Number(time / second), maxLong)
}

interface CommonFields {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly seconds: number
}

function fillCommon(block: Buffer, type: string, common: CommonFields): void {
  writeOctal(block, field.mode, common.mode)
  writeOctal(block, field.uid, common.uid)
  writeOctal(block, field.gid, common.gid)
  writeOctal(block, field.size, common.size)
  writeOctal(block, field.mtime, common.seconds)
  block.write(type, typeFlagOffset, 'latin1')
  block.write('ustar\x0000', field.magic[0], 'latin1')
}

function writeOctal(block: Buffer, [at, length]: Field, value: number): void {
  block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
}

function encodePaxHeader(records: Buffer): Buffer {
  const block = Buffer.alloc(blockSize)
  block.write('PaxHeaders/entry', field.name[0], 'latin1')
  fillCommon(block, 'x', { mode: 0o644, uid: 0, gid: 0, size: records.length, seconds: 0 })
  writeOctal(block, field.devMajor, 0)
  writeOctal(block, field.devMinor, 0)
  writeChecksum(block)
  return Buffer.concat([block, records, Buffer.alloc(paddingOf(records.length))])
}
