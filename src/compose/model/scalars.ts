import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { formatDuration, parseDuration } from './duration.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import { mapped, type Place, scalar, type Shape, text } from './shape.ts'

/** A size as a number of bytes, in digits: `64m` is `67108864`. */
export const bytes: Shape<string> = scalar('a string', (value) => {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string') return undefined
  return /^-?\d+$/.test(value) ? value : String(parseBytes(value))
})

/** `90s` is `1m30s`, as Go prints it. */
export const duration: Shape<string> = scalar('a string', (value) => {
  if (typeof value === 'number') return formatDuration(BigInt(value))
  if (typeof value !== 'string') return undefined
  const nanos = parseDuration(value)
  if (nanos === undefined) throw new Error(`time: invalid duration "${value}"`)
  return formatDuration(nanos)
})

/** Absolute, from the folder of the file; `~` is the user's home. */
export const path: Shape<string> = mapped(text, (value, place) => absolutePath(value, place))

export function absolutePath(value: string, place: Place): string {
  if (value === '~' || value.startsWith('~/')) return join(homedir(), value.slice(1))
  return isAbsolute(value) ? value : resolve(place.source.folder, value)
}

/** A path, or what is none: `https://…`, `git@…`. */
export const pathOrAddress: Shape<string> = mapped(text, (value, place) =>
  isAddress(value) ? value : absolutePath(value, place),
)

function isAddress(value: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\//.test(value)
}

/** A file mode as a number of octal digits says it: 0440 in YAML, or "0440". */
export const mode: Shape<string> = scalar('a number or a string', (value) => {
  if (typeof value === 'number') return `0${value.toString(8)}`
  return typeof value === 'string' && /^0?[0-7]{1,4}$/.test(value) ? value : undefined
})
