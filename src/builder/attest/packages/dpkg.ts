import { distributionQualifier, type Distribution, type Package } from './package.ts'

/** Installed packages of `/var/lib/dpkg/status`, or of one file in `status.d`. Source: deb-control(5), dpkg-query(1). */
export function readDpkg(text: string, foundIn: string, distribution: Distribution | undefined): Package[] {
  return text.split(/\n\s*\n/).flatMap((paragraph): Package[] => {
    const fields = parseFields(paragraph)
    const name = fields.get('Package')
    const version = fields.get('Version')
    if (name === undefined || version === undefined) return []
    const status = fields.get('Status')
    // images without a package manager keep paragraphs that have no status
    if (status !== undefined && !status.endsWith(' installed')) return []
    const source = fields.get('Source')?.replace(/ \(.*$/, '')
    const maintainer = fields.get('Maintainer')
    return [
      {
        type: 'deb',
        namespace: distribution?.id ?? 'debian',
        name,
        version,
        foundIn,
        ...(maintainer !== undefined && { supplier: maintainer }),
        qualifiers: {
          arch: fields.get('Architecture') ?? '',
          ...(source !== undefined && source !== name && { upstream: source }),
          ...distributionQualifier(distribution),
        },
      },
    ]
  })
}

/** First lines of fields; what goes on in lines that begin with a blank is not wanted. */
function parseFields(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of paragraph.split('\n')) {
    const match = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line)
    if (match && !fields.has(match[1] ?? '')) fields.set(match[1] ?? '', match[2] ?? '')
  }
  return fields
}
