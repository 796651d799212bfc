import { comparePaths } from '../../util/compare-paths.ts'
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

/** What its place in the tar is decided by. */
function sortingPath(entry: LayerEntry): string {
  return entry.path === '' && entry.type === 'directory' ? '' : tarPathOf(entry)
}

/**
 * One order for one set of entries, whatever order they came in: parents before children, siblings by name, a hard
 * link never before what it names. Of entries with one name the last stays.
 */
export function orderEntries<Entry extends LayerEntry>(entries: readonly Entry[]): readonly Entry[] {
  const sorted = isOrdered(entries) ? entries : sortEntries(entries)
  return sorted.some(({ type }) => type === 'hardlink') ? targetsFirst(sorted) : sorted
}

/** Whoever walks a tree gives them in order. */
function isOrdered(entries: readonly LayerEntry[]): boolean {
  let last: string | undefined
  for (const entry of entries) {
    const path = sortingPath(entry)
    if (last !== undefined && comparePaths(last, path) >= 0) return false
    last = path
  }
  return true
}

function sortEntries<Entry extends LayerEntry>(entries: readonly Entry[]): Entry[] {
  const compare = (a: Entry, b: Entry): number => comparePaths(sortingPath(a), sortingPath(b))
  const sorted = entries.toSorted(compare)
  return sorted.filter((entry, index) => {
    const next = sorted[index + 1]
    return next === undefined || compare(entry, next) !== 0
  })
}

function targetsFirst<Entry extends LayerEntry>(sorted: readonly Entry[]): Entry[] {
  const targets = new Set(
    sorted.flatMap(({ type, linkTarget = '' }) => (type === 'hardlink' ? linkTarget : [])),
  )
  const unwritten = new Set<string>()
  for (const { type, path } of sorted) if (type !== 'hardlink' && targets.has(path)) unwritten.add(path)
  const waiting = new Map<string, Entry[]>()
  const ordered: Entry[] = []
  for (const entry of sorted) {
    const { type, path, linkTarget = '' } = entry
    if (type === 'hardlink' && unwritten.has(linkTarget)) {
      const others = waiting.get(linkTarget)
      if (others === undefined) waiting.set(linkTarget, [entry])
      else others.push(entry)
      continue
    }
    ordered.push(entry, ...(waiting.get(path) ?? []))
    waiting.delete(path)
    unwritten.delete(path)
  }
  return ordered
}
