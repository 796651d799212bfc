import type { HistoryEntry, ImageConfig } from '../../oci/config.ts'
import { chainIdOf } from '../../oci/digest.ts'
import type { Lease, Store } from '../../store/store.ts'
import type { OpOptions } from '../../util/progress.ts'

/**
 * The config with all layers above the first `baseLayers` merged into one: the base stays shared, every history row
 * survives, the last that had a layer has the merged one (A26).
 */
export async function squashConfig(
  store: Store,
  config: ImageConfig,
  baseLayers: number,
  lease: Lease,
  { signal }: OpOptions,
): Promise<ImageConfig> {
  const all = config.rootfs.diff_ids
  const above = all.slice(baseLayers)
  if (above.length < 2) return config
  const below = all.slice(0, baseLayers)
  const merged = await store.layers.merge(above, { lease, signal })
  const chain = await store.snapshots.apply(merged.diffId, chainIdOf(below), { lease, signal })
  lease.hold({ kind: 'chain', chain })
  const history = config.history ?? []
  const last = history.findLastIndex(({ empty_layer }) => empty_layer !== true)
  let layer = 0
  const rows = history.map((row, index): HistoryEntry => {
    const isAbove = row.empty_layer !== true && layer++ >= baseLayers
    return isAbove && index !== last ? { ...row, empty_layer: true } : row
  })
  return { ...config, rootfs: { type: 'layers', diff_ids: [...below, merged.diffId] }, history: rows }
}
