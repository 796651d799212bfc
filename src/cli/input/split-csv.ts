/** Fields of one comma-separated line; one in double quotes may hold commas, and `""` is a quote inside it (RFC 4180). */
export function splitCsv(line: string): string[] {
  const fields: string[] = []
  for (const [, quoted, plain] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    fields.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'))
  return fields
}
