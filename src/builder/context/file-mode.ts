import { fileTypes } from '../../linux/statx.ts'

/** Permissions that a usual umask (022, 002, 077, 027, 007, 026) leaves of 0666 and of 0777. */
const plain = new Set([0o644, 0o664, 0o600, 0o640, 0o660])
const executable = new Set([0o755, 0o775, 0o700, 0o750, 0o770])

/**
 * Permission bits of a context file in the image. What only the umask decided when the file was made must change
 * neither cache key nor image (B71, B-BD-16): such modes become 0644 or 0755. All others were set on purpose and stay.
 */
export function contextMode(mode: number): number {
  const bits = mode & 0o7777
  if (executable.has(bits)) return 0o755
  return plain.has(bits) && (mode & fileTypes.mask) !== fileTypes.directory ? 0o644 : bits
}

/**
 * `--chmod`, octal or symbolic (B39): `u=rwX,go=rX` gives X only to folders and to files that somebody may execute.
 * The form was checked before.
 */
export function applyMode(text: string, mode: number): number {
  if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8)
  const isFolder = (mode & fileTypes.mask) === fileTypes.directory
  let bits = mode & 0o7777
  for (const clause of text.split(',')) {
    const who = /^[ugoa]*/.exec(clause)?.[0] ?? ''
    for (const [, operator = '', what = ''] of clause.slice(who.length).matchAll(/([-+=])([rwxXstugo]*)/g)) {
      bits = applyClause(bits, who === '' || who.includes('a') ? 'ugo' : who, operator, what, isFolder)
    }
  }
  return bits
}

const shifts: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 }

function applyClause(bits: number, who: string, operator: string, what: string, isFolder: boolean): number {
  let changed = bits
  for (const [name, shift] of Object.entries(shifts)) {
    if (!who.includes(name)) continue
    const special = { u: 0o4000, g: 0o2000, o: 0 }[name] ?? 0
    let value = 0
    for (const letter of what) value |= permission(letter, bits, isFolder) << shift
    if (what.includes('s')) value |= special
    const all = (7 << shift) | special
    if (operator === '=') changed = (changed & ~all) | value
    else changed = operator === '+' ? changed | value : changed & ~value
  }
  if (!what.includes('t')) return changed
  return operator === '-' ? changed & ~0o1000 : changed | 0o1000
}

function permission(letter: string, bits: number, isFolder: boolean): number {
  const copied = shifts[letter]
  if (copied !== undefined) return (bits >> copied) & 7
  if (letter === 'X') return isFolder || (bits & 0o111) !== 0 ? 1 : 0
  return { r: 4, w: 2, x: 1 }[letter] ?? 0
}
