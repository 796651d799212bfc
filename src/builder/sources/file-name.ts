/** BuildKit's name for what has none. */
const unnamed = '__unnamed__'

/**
 * The name of a downloaded file in a destination folder: the last part of the URL's path, else the one that
 * Content-Disposition gives (RFC 6266), always as a plain name: nothing in either may become a path (C-B6).
 */
export function fileNameOf(url: string, disposition: string | undefined): string {
  return plainName(decode(new URL(url).pathname)) ?? dispositionName(disposition) ?? unnamed
}

function dispositionName(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const encoded = /;\s*filename\*\s*=\s*UTF-8'[^']*'([^;]+)/i.exec(header)?.[1]
  if (encoded !== undefined) return plainName(decode(encoded.trim()))
  const plain = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header)
  return plainName(plain?.[1]?.replaceAll(/\\(.)/g, '$1') ?? plain?.[2] ?? '')
}

function plainName(path: string): string | undefined {
  const name = path.split(/[/\\]/).at(-1) ?? ''
  const isBad =
    name === '' || name === '.' || name === '..' || name.length > 255 || /[\x00-\x1f\x7f]/.test(name)
  return isBad ? undefined : name
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
