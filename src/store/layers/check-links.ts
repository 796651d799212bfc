import { dirname, join } from 'node:path/posix'
import { failure } from '../../util/errors.ts'
import type { StoredEntry } from './stored-entry.ts'

/**
 * Refuses links of one layer that lead to themselves, directly or over other links of it: LAYER_SYMLINK_LOOP. Judged by
 * their text; a loop that only shows through a folder that is itself a link is found when something is put behind it.
 */
export function checkLinks(entries: readonly StoredEntry[]): void {
  const targets = new Map<string, string>()
  for (const entry of entries) {
    if (entry.type === 'symlink') {
      const { path, linkTarget } = entry
      targets.set(path, join('/', linkTarget.startsWith('/') ? '' : dirname(path), linkTarget).slice(1))
    } else if (targets.size > 0) targets.delete(entry.path)
  }
  const harmless = new Set<string>()
  for (const start of targets.keys()) {
    const seen = new Set<string>()
    for (
      let path = start, next = targets.get(path);
      next !== undefined && !harmless.has(path);
      next = targets.get(path)
    ) {
      if (seen.has(path)) throw failure('LAYER_SYMLINK_LOOP', { path: start })
      seen.add(path)
      path = next
    }
    for (const path of seen) harmless.add(path)
  }
}
