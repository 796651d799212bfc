import type { Package } from './package.ts'

/** The package that a `package.json` inside `node_modules` describes; undefined when it is none. */
export function readNpm(text: string, foundIn: string): Package | undefined {
  const manifest = parse(text)
  const { name, version, license } = manifest
  if (typeof name !== 'string' || typeof version !== 'string' || name === '' || version === '')
    return undefined
  const [scope, rest] = name.startsWith('@') ? name.split('/', 2) : [undefined, name]
  if (rest === undefined) return undefined
  const shown = licenseOf(license)
  return {
    type: 'npm',
    ...(scope !== undefined && { namespace: scope }),
    name: rest,
    version,
    foundIn,
    ...(shown !== undefined && { license: shown }),
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Old packages have an object with a type. */
function licenseOf(license: unknown): string | undefined {
  if (typeof license === 'string') return license
  const type = (license as { readonly type?: unknown } | null | undefined)?.type
  return typeof type === 'string' ? type : undefined
}

/** Is it a package's own file, and not a part of one? `node_modules/a/package.json`, `node_modules/@a/b/package.json`. */
export function isNpmManifest(path: string): boolean {
  return /(^|\/)node_modules\/(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path)
}
