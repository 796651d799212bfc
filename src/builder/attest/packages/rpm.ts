import { distributionQualifier, type Distribution, type Package } from './package.ts'

/** Numbers of tags. Source: rpm's documentation, "RPM Tags". */
const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  vendor: 1011,
  license: 1014,
  arch: 1022,
}
const stringTypes: ReadonlySet<number> = new Set([6, 8, 9])
const int32Type = 4
const maxEntries = 65_536

/** A package from one header of the database; undefined for keys and for what is no header. */
export function readRpmHeader(
  header: Uint8Array,
  foundIn: string,
  distribution: Distribution | undefined,
): Package | undefined {
  const fields = parseHeader(Buffer.from(header.buffer, header.byteOffset, header.byteLength))
  const name = fields.get(tags.name)
  const version = fields.get(tags.version)
  // the keys that packages are signed with are kept as packages
  if (name === undefined || version === undefined || name === 'gpg-pubkey') return undefined
  const [release, license, vendor] = [
    fields.get(tags.release),
    fields.get(tags.license),
    fields.get(tags.vendor),
  ]
  return {
    type: 'rpm',
    ...(distribution !== undefined && { namespace: distribution.id }),
    name,
    version: release === undefined ? version : `${version}-${release}`,
    foundIn,
    ...(license !== undefined && { license }),
    ...(vendor !== undefined && { supplier: vendor }),
    qualifiers: {
      arch: fields.get(tags.arch) ?? '',
      epoch: fields.get(tags.epoch) ?? '',
      ...distributionQualifier(distribution),
    },
  }
}

/** Counts of entries and of data bytes, then 16 bytes an entry, then the data. Source: rpm's documentation, "Header". */
function parseHeader(bytes: Buffer): Map<number, string> {
  const fields = new Map<number, string>()
  if (bytes.length < 8) return fields
  const count = bytes.readUInt32BE(0)
  const start = 8 + count * 16
  if (count > maxEntries || start > bytes.length) return fields
  const wanted = new Set<number>(Object.values(tags))
  for (let index = 0; index < count; index++) {
    const at = 8 + index * 16
    const tag = bytes.readUInt32BE(at)
    if (!wanted.has(tag)) continue
    const type = bytes.readUInt32BE(at + 4)
    const offset = start + bytes.readUInt32BE(at + 8)
    if (stringTypes.has(type)) {
      const end = bytes.indexOf(0, offset)
      if (end >= 0) fields.set(tag, bytes.toString('utf8', offset, end))
    } else if (type === int32Type && offset + 4 <= bytes.length) {
      fields.set(tag, String(bytes.readUInt32BE(offset)))
    }
  }
  return fields
}
