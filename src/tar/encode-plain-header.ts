import { maxLong, maxOwner, type TarHeader, typeFlags } from './encode-header.ts'
import { blockSize, field, second, typeFlagOffset, type Field } from './format.ts'
import { writeChecksum } from './header.ts'

const magic = Buffer.from('ustar\x0000', 'latin1')

/**
 * The bytes of `encodeTarHeader` for an entry that one block can hold, written to `target` at `at` without a buffer of
 * its own: layers of tens of thousands of small files are mostly headers. False, the block perhaps half written, for
 * any other entry and for names beyond ASCII.
 */
export function encodePlainHeader(entry: TarHeader, target: Buffer, at: number): boolean {
  const { path, type, mode, uid, gid, mtime, linkTarget = '', device, xattrs } = entry
  const size = type === 'file' ? (entry.size ?? 0) : 0
  const seconds = mtime / second
  if (uid > maxOwner || gid > maxOwner || size > maxLong || (xattrs !== undefined && xattrs.size > 0))
    return false
  if (mtime < 0n || seconds > maxLong || seconds * second !== mtime) return false
  if (path === '' || linkTarget.length > field.linkName[1]) return false
  target.fill(0, at, at + blockSize)
  const name = type === 'directory' && !path.endsWith('/') ? `${path}/` : path
  if (
    !writeName(target, at, name) ||
    !writeAscii(target, at + field.linkName[0], linkTarget, 0, linkTarget.length)
  )
    return false
  writeOctal(target, at, field.mode, mode & 0o7777)
  writeOctal(target, at, field.uid, uid)
  writeOctal(target, at, field.gid, gid)
  writeOctal(target, at, field.size, size)
  writeOctal(target, at, field.mtime, Number(seconds))
  writeOctal(target, at, field.devMajor, device?.major ?? 0)
  writeOctal(target, at, field.devMinor, device?.minor ?? 0)
  target[at + typeFlagOffset] = typeFlags[type].charCodeAt(0)
  target.set(magic, at + field.magic[0])
  writeChecksum(target, at)
  return true
}

/** Splits at the first slash that leaves a base of at most 100 bytes. */
function writeName(target: Buffer, at: number, name: string): boolean {
  const [nameAt, nameLength] = field.name
  if (name.length <= nameLength) return writeAscii(target, at + nameAt, name, 0, name.length)
  const [prefixAt, prefixLength] = field.prefix
  const slash = name.indexOf('/', name.length - nameLength - 1)
  if (slash <= 0 || slash > prefixLength || slash === name.length - 1) return false
  return (
    writeAscii(target, at + prefixAt, name, 0, slash) &&
    writeAscii(target, at + nameAt, name, slash + 1, name.length)
  )
}

function writeAscii(target: Buffer, at: number, text: string, from: number, to: number): boolean {
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index)
    if (code === 0 || code > 0x7f) return false
    target[at + index - from] = code
  }
  return true
}

/** Leading zeros, one NUL behind. By division: numbers may have 33 bits. */
function writeOctal(target: Buffer, at: number, [from, length]: Field, value: number): void {
  let left = value
  for (let index = at + from + length - 2; index >= at + from; index--) {
    const rest = Math.floor(left / 8)
    target[index] = 0x30 + (left - rest * 8)
    left = rest
  }
}
