import type { LayerEntry } from '../store.ts'

const whiteoutPrefix = '.wh.'
const opaqueName = '.wh..wh..opq'

/** The name that an entry has in the tar. */
export function tarPathOf({ path, type }: LayerEntry): string {
  if (type === 'opaque') return path === '' ? opaqueName : `${path}/${opaqueName}`
  if (type !== 'whiteout') return path === '' ? '.' : path
  const slash = path.lastIndexOf('/') + 1
  return `${path.slice(0, slash)}${whiteoutPrefix}${path.slice(slash)}`
}

interface Keyed<Entry> {
  /** Sorts a folder before its content and its content before a sibling like `folder-x`. */
  readonly key: string
  readonly entry: Entry
}

/**
 * One order for one set of entries, whatever order they came in: parents before children, siblings by name, a hard
 * link never before what it names. Of entries with one name the last stays.
 */
export function orderEntries<Entry extends LayerEntry>(entries: readonly Entry[]): readonly Entry[] {
  if (isOrdered(entries)) return entries
  const byName = new Map<string, Keyed<Entry>>()
  for (const entry of entries) {
    const key = entry.path === '' && entry.type === 'directory' ? '' : tarPathOf(entry).replaceAll('/', '\0')
    byName.set(key, { key, entry })
  }
  const sorted = [...byName.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  return targetsFirst(sorted.map(({ entry }) => entry))
}

/** Told without making a key for each: whoever walks a tree gives them in order. */
function isOrdered(entries: readonly LayerEntry[]): boolean {
  let last: string | undefined
  for (const { path, type } of entries) {
    if (type === 'hardlink' || type === 'whiteout' || type === 'opaque') return false
    if (last !== undefined && !isBefore(last, path)) return false
    last = path
  }
  return true
}

/** Is `a` before `b` where `/` sorts before every other letter? */
function isBefore(a: string, b: string): boolean {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x !== y) return x === 0x2f || (y !== 0x2f && x < y)
  }
  return a.length < b.length
}

function targetsFirst<Entry extends LayerEntry>(sorted: readonly Entry[]): Entry[] {
  const files = new Set(sorted.filter(({ type }) => type !== 'hardlink').map(({ path }) => path))
  const written = new Set<string>()
  const waiting = new Map<string, Entry[]>()
  const ordered: Entry[] = []
  for (const entry of sorted) {
    const target = entry.type === 'hardlink' ? (entry.linkTarget ?? '') : undefined
    if (target !== undefined && files.has(target) && !written.has(target)) {
      waiting.set(target, [...(waiting.get(target) ?? []), entry])
      continue
    }
    ordered.push(entry, ...(waiting.get(entry.path) ?? []))
    waiting.delete(entry.path)
    written.add(entry.path)
  }
  return ordered
}
