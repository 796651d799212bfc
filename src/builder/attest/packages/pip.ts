import type { Package } from './package.ts'

/** The distribution that a METADATA or PKG-INFO file describes. Source: Python's "Core metadata specifications". */
export function readPip(text: string, foundIn: string): Package | undefined {
  // the headers end at the first empty line; the description behind may be long
  const [head = ''] = text.split(/\r?\n\r?\n/, 1)
  const fields = new Map<string, string>()
  for (const line of head.split(/\r?\n/)) {
    const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line)
    if (match && !fields.has(match[1] ?? '')) fields.set(match[1] ?? '', match[2] ?? '')
  }
  const [name, version] = [fields.get('Name'), fields.get('Version')]
  if (name === undefined || version === undefined) return undefined
  const license = fields.get('License-Expression') ?? fields.get('License')
  return {
    type: 'pypi',
    // as the index spells names
    name: name.toLowerCase().replace(/[-_.]+/g, '-'),
    version,
    foundIn,
    ...(license !== undefined && license !== '' && license !== 'UNKNOWN' && { license }),
  }
}

export function isPipMetadata(path: string): boolean {
  return /\.dist-info\/METADATA$|\.egg-info(\/PKG-INFO)?$/.test(path)
}
