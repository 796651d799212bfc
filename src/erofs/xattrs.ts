import { encodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import { alignUp } from './format.ts'

/** Name spaces that have a number on disk; the name is stored without its prefix. */
const prefixes: readonly (readonly [prefix: string, index: number])[] = [
  ['user.', 1],
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['trusted.', 4],
  ['security.', 6],
]
const headerSize = 12
const none: Buffer = Buffer.alloc(0)
/** The count field has 16 bits, in units of 4 bytes after the header. */
const maxBody: number = headerSize + 4 * 0xfffe

/**
 * The attributes of an inode as they stand behind it: a header of 12 bytes, then entries sorted by name. Empty when
 * there are none.
 * @throws LAYER_LIMIT when they do not fit; INVALID_ARGUMENT for a name outside user, trusted, security and the ACLs
 */
export function encodeXattrs(xattrs: ReadonlyMap<string, Uint8Array> | undefined): Buffer {
  if (xattrs === undefined || xattrs.size === 0) return none
  const entries = [...xattrs].map(([name, value]) => encodeEntry(name, value))
  entries.sort((a, b) => a.index - b.index || a.name.compare(b.name))
  const body = Buffer.concat([Buffer.alloc(headerSize), ...entries.map(({ bytes }) => bytes)])
  if (body.length > maxBody)
    throw failure('LAYER_LIMIT', {
      what: 'size of the attributes of a file',
      found: body.length,
      limit: maxBody,
    })
  return body
}

/** The inode's count of attribute units for `size` bytes. */
export function xattrCount(size: number): number {
  return size === 0 ? 0 : 1 + (size - headerSize) / 4
}

function encodeEntry(
  full: string,
  value: Uint8Array,
): { readonly index: number; readonly name: Buffer; readonly bytes: Buffer } {
  const [prefix, index] = prefixes.find(([start]) => full.startsWith(start)) ?? ['', 0]
  const name = encodeBytes(full.slice(prefix.length))
  const acl = index === 2 || index === 3
  if (index === 0 || acl !== (name.length === 0) || name.length > 255)
    throw failure('INVALID_ARGUMENT', { reason: `extended attribute "${full}" cannot be stored` })
  if (value.length > 0xffff)
    throw failure('LAYER_LIMIT', {
      what: `value of extended attribute ${full}`,
      found: value.length,
      limit: 0xffff,
    })
  const bytes = Buffer.alloc(alignUp(4 + name.length + value.length, 4))
  bytes[0] = name.length
  bytes[1] = index
  bytes.writeUInt16LE(value.length, 2)
  name.copy(bytes, 4)
  bytes.set(value, 4 + name.length)
  return { index, name, bytes }
}
