/** A package that is installed in a file system. */
export interface Package {
  /** `deb`, `apk`, `rpm`, `npm`, `pypi`: types of Package URLs. */
  readonly type: string
  /** `debian`, `alpine`; the scope of an npm package. */
  readonly namespace?: string
  readonly name: string
  readonly version: string
  /** As the package says it: often an SPDX expression. */
  readonly license?: string
  readonly supplier?: string
  readonly qualifiers?: Readonly<Record<string, string>>
  /** The file it was read from, below the root. */
  readonly foundIn: string
}

/** What /etc/os-release says: names the distribution in Package URLs. */
export interface Distribution {
  readonly id: string
  readonly version: string
}

/** Source: Package URL specification, "Rules for each purl component". */
export function packageUrl({ type, namespace, name, version, qualifiers = {} }: Package): string {
  const path = [type, ...(namespace?.split('/') ?? []), name].map(encodePart).join('/')
  const query = Object.entries(qualifiers)
    .filter(([, value]) => value !== '')
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${encodePart(value)}`)
    .join('&')
  const at = version === '' ? '' : `@${encodePart(version)}`
  return `pkg:${path}${at}${query === '' ? '' : `?${query}`}`
}

function encodePart(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%3A', ':')
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** `KEY=value` lines, values in quotes or not. Source: os-release(5). */
export function parseDistribution(text: string): Distribution | undefined {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=(?:"([^"]*)"|'([^']*)'|(.*))$/.exec(line.trim())
    if (match) values.set(match[1] ?? '', match[2] ?? match[3] ?? match[4] ?? '')
  }
  const id = values.get('ID')
  return id === undefined || id === '' ? undefined : { id, version: values.get('VERSION_ID') ?? '' }
}

/** `debian-12`, as scanners write it. */
export function distributionQualifier(
  distribution: Distribution | undefined,
): Readonly<Record<string, string>> {
  if (distribution === undefined) return {}
  const { id, version } = distribution
  return { distro: version === '' ? id : `${id}-${version}` }
}
