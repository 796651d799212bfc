import type { HistoryEntry } from '../oci/config.ts'
import type { Platform } from '../oci/platform.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import type { HistoryRow } from './images.ts'
import { ancestors } from './list.ts'
import { familiarName } from './names.ts'
import { getMember } from '../store/find-image.ts'

/**
 * Rows of `history`, newest first. A row is a local image itself when an image this one was built on ends there;
 * else its ID is missing. Constant (reproducible) times show as the time the image was added here.
 */
export async function imageHistory(
  store: Store,
  nameOrId: string,
  { platform }: { readonly platform?: Platform } = {},
): Promise<HistoryRow[]> {
  const record = getMember(store.images, nameOrId, platform)
  const entries = historyOf(record)
  const owners = ownersByLength(store, record)
  const sizes = await layerSizes(store, record)
  let layer = 0
  const rows = entries.map((entry, index): HistoryRow => {
    const owner = owners.get(index + 1)
    const size = entry.empty_layer === true ? 0 : (sizes[layer++] ?? 0)
    return {
      ...(owner && { id: owner.id }),
      createdAt: createdAt(entry, nearestOwner(owners, index + 1) ?? record),
      createdBy: entry.created_by ?? '',
      size,
      comment: entry.comment ?? '',
      tags: owner?.names.map(familiarName) ?? [],
    }
  })
  return rows.toReversed()
}

/** The config's history; images without one get a row a layer, as Docker shows them. */
function historyOf(record: ImageRecord): readonly HistoryEntry[] {
  const { history, rootfs } = record.config
  if (history !== undefined && history.length > 0) return history
  return rootfs.diff_ids.map(() => ({}))
}

/** Which local image ends after how many history rows. */
function ownersByLength(store: Store, record: ImageRecord): Map<number, ImageRecord> {
  const owners = new Map<number, ImageRecord>()
  for (const image of [...ancestors(store, record).toReversed(), record])
    owners.set(historyOf(image).length, image)
  return owners
}

function nearestOwner(owners: ReadonlyMap<number, ImageRecord>, length: number): ImageRecord | undefined {
  const ends = [...owners.keys()].filter((end) => end >= length)
  return ends.length === 0 ? undefined : owners.get(Math.min(...ends))
}

function createdAt(entry: HistoryEntry, owner: ImageRecord): number {
  const time = Date.parse(entry.created ?? '')
  return Number.isNaN(time) || time <= 0 ? owner.addedAt : time
}

function layerSizes(store: Store, record: ImageRecord): Promise<number[]> {
  return Promise.all(
    record.config.rootfs.diff_ids.map(async (diffId) => (await store.layers.find(diffId))?.size ?? 0),
  )
}
