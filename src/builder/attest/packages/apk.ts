import { distributionQualifier, type Distribution, type Package } from './package.ts'

/** Packages of `/lib/apk/db/installed`. Source: Alpine's wiki, "Apk spec", "Installed DB". */
export function readApk(text: string, foundIn: string, distribution: Distribution | undefined): Package[] {
  return text.split(/\n\n+/).flatMap((paragraph): Package[] => {
    const fields = new Map(
      paragraph.split('\n').flatMap((line) => (line[1] === ':' ? [[line[0], line.slice(2)] as const] : [])),
    )
    const name = fields.get('P')
    const version = fields.get('V')
    if (name === undefined || version === undefined) return []
    const [license, maintainer, origin] = [fields.get('L'), fields.get('m'), fields.get('o')]
    return [
      {
        type: 'apk',
        namespace: distribution?.id ?? 'alpine',
        name,
        version,
        foundIn,
        ...(license !== undefined && { license }),
        ...(maintainer !== undefined && { supplier: maintainer }),
        qualifiers: {
          arch: fields.get('A') ?? '',
          ...(origin !== undefined && origin !== name && { upstream: origin }),
          ...distributionQualifier(distribution),
        },
      },
    ]
  })
}
