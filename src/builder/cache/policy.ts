import { statfsSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from '../../store/store.ts'
import type { PruneOptions } from '../build.ts'
import { collectRest, removeRows } from './prune.ts'

const gigabyte = 1e9
const day = 24 * 3600 * 1000
/** Milliseconds between two looks: counting the files of large cache mounts takes its time. */
const interval = 3600 * 1000

/**
 * Keeps the build cache in bounds, at the end of a build, once an hour at most:
 * 1. what is easily made again (contexts, downloads, cache mounts) and was not used for a week, beyond 2 GB;
 * 2. everything not used for 60 days, beyond the reserve of 10 GB or 10 % of the disk;
 * 3. whatever was used least lately, beyond `maxUsedSpace` (bytes; default 100 GB or 60 % of the disk, whichever is
 *    less), or while less than 10 % of the disk is free, down to the reserve.
 */
export async function applyPolicy(
  store: Store,
  maxUsedSpace: number | undefined,
  now: number,
): Promise<void> {
  if (!(await isTime(store, now))) return
  let count = 0
  for (const rule of rules(store.root, maxUsedSpace, now))
    count += (await removeRows(store, rule)).removed.length
  if (count > 0) await collectRest(store)
}

function rules(root: string, maxUsedSpace: number | undefined, now: number): PruneOptions[] {
  const { blocks, bsize } = statfsSync(root)
  const disk = blocks * bsize
  const limit = maxUsedSpace ?? Math.min(100 * gigabyte, disk * 0.6)
  const reservedSpace = Math.min(10 * gigabyte, disk * 0.1, limit)
  return [
    {
      all: false,
      matches: ({ type, lastUsedAt }) => type !== 'regular' && lastUsedAt < now - 7 * day,
      maxUsedSpace: Math.min(2 * gigabyte, limit),
    },
    { all: false, matches: ({ lastUsedAt }) => lastUsedAt < now - 60 * day, reservedSpace },
    { all: false, maxUsedSpace: limit, minFreeSpace: disk * 0.1, reservedSpace },
  ]
}

/** Is it long enough ago? The file's time says so: a clock that jumped back makes it now. */
async function isTime(store: Store, now: number): Promise<boolean> {
  const stamp = join(await store.folder('policy'), 'applied')
  const last = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs
  if (last !== undefined && last <= now && now - last < interval) return false
  if (last === undefined) writeFileSync(stamp, '')
  utimesSync(stamp, now / 1000, now / 1000)
  return true
}
