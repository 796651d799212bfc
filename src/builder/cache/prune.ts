import { statfsSync } from 'node:fs'
import type { Store } from '../../store/store.ts'
import type { Builder, CacheUsage, PruneOptions } from '../build.ts'
import { CacheMounts } from './cache-mounts.ts'
import { FileLists } from './file-lists.ts'
import { type CacheEntry, keptNames, listEntries } from './usage.ts'

/**
 * Removes rows of the build cache, those in use excepted. Without `all` layers that images have stay: dropping them
 * would free nothing. Safe beside builds: they hold what they have found.
 */
export async function pruneCache(store: Store, options: PruneOptions): ReturnType<Builder['prune']> {
  const { removed, freed } = await removeRows(store, options)
  return { removed, reclaimed: freed + (await collectRest(store)) }
}

/** Removes what no row has any more, and what killed processes left of cache mounts; bytes freed by layers. */
export async function collectRest(store: Store): Promise<number> {
  await new CacheMounts(store).sweep()
  new FileLists(await store.folder('contexts')).retain(keptNames(store))
  return (await store.collect()).bytes
}

/** `collectRest` frees the layers; `freed` are the bytes of the other rows. */
export async function removeRows(
  store: Store,
  options: PruneOptions,
): Promise<{ readonly removed: readonly CacheUsage[]; readonly freed: number }> {
  const removed: CacheUsage[] = []
  let freed = 0
  for (const { row, record, remove } of choose(await listEntries(store), options, freeBytes(store.root))) {
    if (!(await remove())) continue
    removed.push(row)
    if (record === undefined) freed += row.size
  }
  return { removed, freed }
}

/** What goes: all that matches, or with limits so much of it as brings the rest under them. */
export function choose(
  entries: readonly CacheEntry[],
  { all, matches = () => true, ...limits }: PruneOptions,
  free: number,
): CacheEntry[] {
  const candidates = entries.filter(({ row }) => !row.inUse && (all || !row.shared) && matches(row))
  const total = sizeOf(entries.map(({ row }) => row).filter((row) => !row.shared && matches(row)))
  const keep = bytesToKeep(total, free, limits)
  if (keep === undefined) return candidates
  let left = total
  const chosen: CacheEntry[] = []
  // of one age the later one first: it stands on the earlier one, whose layers it keeps
  const sorted = candidates.toReversed().toSorted((a, b) => a.row.lastUsedAt - b.row.lastUsedAt)
  for (const entry of sorted) {
    if (left <= keep) break
    chosen.push(entry)
    if (!entry.row.shared) left -= entry.row.size
  }
  return chosen
}

/** Undefined without a limit; the most that may stay, never less than what is reserved. */
function bytesToKeep(
  total: number,
  free: number,
  { reservedSpace, maxUsedSpace, minFreeSpace }: Omit<PruneOptions, 'all' | 'matches'>,
): number | undefined {
  if (reservedSpace === undefined && maxUsedSpace === undefined && minFreeSpace === undefined)
    return undefined
  const missing = Math.max(0, (minFreeSpace ?? 0) - free)
  // a reserve alone says how much may stay
  const most = maxUsedSpace ?? (minFreeSpace === undefined ? 0 : total)
  return Math.max(Math.min(most, total - missing), reservedSpace ?? 0)
}

function sizeOf(rows: readonly CacheUsage[]): number {
  return rows.reduce((sum, { size }) => sum + size, 0)
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
