/**
 * `key=value,key=value` as Docker reads it: one CSV record, so that a field in double quotes may hold commas and two
 * quotes stand for one. Keys are lower case. A field without `=` has the value undefined. Plain Error with the reason.
 */
export function parseAttributes(text: string): Map<string, string | undefined> {
  const attributes = new Map<string, string | undefined>()
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=')
    const key = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase()
    attributes.set(key, equals < 0 ? undefined : field.slice(equals + 1))
  }
  return attributes
}

export function csvFields(text: string): string[] {
  const fields: string[] = []
  let rest = text
  for (;;) {
    if (!rest.startsWith('"')) {
      const comma = rest.indexOf(',')
      const field = comma < 0 ? rest : rest.slice(0, comma)
      if (field.includes('"')) throw new Error(`bare " in non-quoted field: ${field}`)
      fields.push(field)
      if (comma < 0) return fields
      rest = rest.slice(comma + 1)
      continue
    }
    const quoted = /^"((?:[^"]|"")*)"(,|$)/.exec(rest)
    if (quoted === null) throw new Error(`a quoted field does not end: ${rest}`)
    fields.push((quoted[1] ?? '').replaceAll('""', '"'))
    rest = rest.slice(quoted[0].length)
    if (quoted[2] === '') return fields
  }
}
