import { messageOf } from '../../../util/errors.ts'
import type { Lease, Store } from '../../../store/store.ts'
import type { BuildEvent } from '../../build.ts'
import type { CacheAddress, CacheExport, CacheImport, CachePlace, OpenCachePlace } from './cache-place.ts'
import { exportCache, type CacheExportWork } from './export-cache.ts'
import { ImportedCache } from './imported-cache.ts'
import { localPlace } from './local-place.ts'

export interface CacheWork {
  readonly store: Store
  readonly lease: Lease
  readonly open: OpenCachePlace
  readonly emit: (event: BuildEvent) => void
  readonly now: () => number
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads the records of every place, the first one's count most. What cannot be read or is not a cache is a warning: the
 * build goes on without it (B-BD-10).
 */
export async function importCaches(
  { store, lease, open, emit, now, signal }: CacheWork,
  imports: readonly CacheImport[],
): Promise<ImportedCache> {
  const imported = new ImportedCache(store, lease, signal)
  for (const [index, { address, mountBytes }] of imports.entries()) {
    const step = `cache from ${index}`
    const shown = shownAddress(address)
    emit({ type: 'start', step, name: `importing cache from ${shown}`, time: now() })
    try {
      const count = await imported.read(await openPlace(open, address), mountBytes, { signal })
      emit({ type: 'note', step, text: count === 0 ? 'nothing of mille there' : `${count} steps` })
    } catch (error) {
      if (signal?.aborted === true) throw error
      emit(cacheWarning(`the cache of ${shown} is not used: ${messageOf(error)}`))
    }
    emit({ type: 'done', step, time: now(), cached: false })
  }
  return imported
}

/** Exports to every place that is not the image itself. A failure of one whose errors are ignored is a warning. */
export async function exportCaches(
  work: CacheExportWork & Pick<CacheWork, 'open'>,
  exports: readonly CacheExport[],
): Promise<void> {
  for (const one of exports) {
    if (one.address.type === 'inline') continue
    try {
      await exportCache(work, await openPlace(work.open, one.address), one)
    } catch (error) {
      if (!one.ignoreError || work.signal?.aborted === true) throw error
      work.emit(cacheWarning(`the cache was not exported: ${messageOf(error)}`))
    }
  }
}

export function cacheWarning(message: string): BuildEvent {
  return { type: 'warning', rule: 'BuildCache', message }
}

function openPlace(open: OpenCachePlace, address: CacheAddress): Promise<CachePlace> {
  return address.type === 'local' ? Promise.resolve(localPlace(address)) : open(address)
}

/** Credentials are never in it. */
export function shownAddress(address: CacheAddress): string {
  switch (address.type) {
    case 'registry':
      return address.ref
    case 'local':
      return address.path
    case 's3':
      return `s3 ${address.bucket}/${address.prefix}${address.names.join(';')}`
    case 'gha':
      return `gha ${address.scope}`
  }
}
