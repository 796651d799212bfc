const words: ReadonlyMap<string, string> = new Map([
  ['id', 'ID'],
  ['os', 'OS'],
  ['rootfs', 'RootFS'],
  ['ids', 'IDs'],
  ['sbom', 'SBOM'],
  ['url', 'URL'],
  ['urls', 'URLs'],
])

/**
 * A JSON document whose fields can also be named as Go's structs name them (`.Digest` of `digest`, `.DiffIDs` of
 * `diff_ids`). Those names do not show in JSON.
 */
export function withGoFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withGoFields)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withGoFields(item)]))
  for (const [key, item] of Object.entries(fields)) {
    const name = goName(key)
    if (!Object.hasOwn(fields, name)) Object.defineProperty(fields, name, { value: item, enumerable: false })
  }
  return fields
}

function goName(key: string): string {
  return key
    .split(/[_.-]/)
    .map((word) => words.get(word.toLowerCase()) ?? word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}
