import { digestHex, shortId } from '../../oci/digest.ts'
import type { CacheRecord, Store } from '../../store/store.ts'
import type { Builder, CacheUsage } from '../build.ts'
import { listSources, pruneSources } from '../sources/source-cache.ts'
import { FileLists } from './file-lists.ts'

/** Cache rows for `system df`: aliases (the same result found by its text) are not counted. */
export async function cacheUsage(store: Store): Promise<CacheUsage[]> {
  const sources = (await listSources(store)).map(({ kind, ...source }): CacheUsage => ({
    ...source,
    type: `source.${kind}`,
    uses: 1,
    inUse: false,
    shared: false,
  }))
  return [...stepUsage(store), ...sources]
}

function stepUsage(store: Store): CacheUsage[] {
  const records = store.cache.list()
  const used = usedLayers(store)
  return records
    .filter((record) => !isAlias(record))
    .map((record) => ({
      id: shortId(record.key),
      description: record.description,
      type: String((record.data as { readonly type?: unknown } | null)?.type ?? ''),
      size: record.size,
      createdAt: record.createdAt,
      lastUsedAt: record.lastUsedAt,
      uses: record.uses,
      inUse: false,
      shared: isShared(record, used),
    }))
}

/** Without `all` only what no image has: dropping the rest would free nothing (as `builder prune`). Sources go always. */
export async function pruneCache(
  store: Store,
  { all }: { readonly all: boolean },
): ReturnType<Builder['prune']> {
  const used = usedLayers(store)
  const records = store.cache.list()
  const removed = records.filter((record) => all || !isShared(record, used))
  store.cache.remove(removed.map(({ key }) => key))
  const gone = new Set(removed.map(({ key }) => key))
  const kept = records.filter(({ key }) => !gone.has(key)).map(({ key }) => digestHex(key))
  new FileLists(await store.folder('contexts')).retain(new Set(kept))
  const sources = await pruneSources(store, { all: true })
  const { bytes } = await store.collect()
  const steps = removed.filter((record) => !isAlias(record)).map(({ key }) => shortId(key))
  return {
    removed: [...steps, ...sources.map(({ id }) => id)],
    reclaimed: sources.reduce((sum, { size }) => sum + size, bytes),
  }
}

function usedLayers(store: Store): ReadonlySet<string> {
  return new Set(store.images.list().flatMap(({ config }) => config.rootfs.diff_ids))
}

function isShared({ diffIds, size }: CacheRecord, used: ReadonlySet<string>): boolean {
  const last = diffIds?.at(-1)
  return size > 0 && last !== undefined && used.has(last)
}

function isAlias({ data }: CacheRecord): boolean {
  return (data as { readonly alias?: unknown } | null)?.alias === true
}
