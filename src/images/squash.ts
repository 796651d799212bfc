import type { HistoryEntry, ImageConfig } from '../oci/config.ts'
import { chainIdOf, diffIdAsDigest, type Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { canonicalName } from '../oci/reference.ts'
import type { ImageDraft, Lease, Store } from '../store/store.ts'
import { memberOf } from '../store/find-member.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { ancestors } from './list.ts'
import { getImage } from '../store/find-image.ts'

/**
 * The layers above those of the base become one; the base's stay shared, every history row survives (A26). The base is
 * the one named, else the image it was built on, else nothing: then all layers become one. NOT_A_BASE.
 */
export async function squashImage(
  store: Store,
  nameOrId: string,
  options: { readonly base?: string; readonly names?: readonly string[] } & OpOptions = {},
): Promise<Digest> {
  const record = memberOf(store.images, getImage(store.images, nameOrId).record)
  const base =
    options.base === undefined ? ancestors(store, record)[0] : getImage(store.images, options.base).record
  const below = base?.config.rootfs.diff_ids ?? []
  const all = record.config.rootfs.diff_ids
  if (!below.every((diffId, index) => all[index] === diffId)) {
    throw failure('NOT_A_BASE', { image: nameOrId, base: options.base ?? '' })
  }
  const names = (options.names ?? []).map(canonicalName)
  await using lease = await store.lease(`squash ${record.id}`)
  lease.hold({ kind: 'image', id: record.id })
  const { layers } = JSON.parse((await store.content.read(record.manifest.digest)).toString()) as Manifest
  const draft: ImageDraft = { config: record.config, layers, names, ...(base && { parent: base.id }) }
  const squashed = await squashDraft(store, draft, below.length, lease, options)
  return (await store.images.create(squashed, lease)).id
}

/** The draft with everything above its first `baseLayers` layers merged into one, held by `lease`. */
async function squashDraft(
  store: Store,
  draft: ImageDraft,
  baseLayers: number,
  lease: Lease,
  options: OpOptions = {},
): Promise<ImageDraft> {
  const diffIds = draft.config.rootfs.diff_ids
  const [below, above] = [diffIds.slice(0, baseLayers), diffIds.slice(baseLayers)]
  if (above.length < 2) return draft
  const merged = await store.layers.merge(above, { lease, signal: options.signal })
  const chain = await store.snapshots.apply(merged.diffId, chainIdOf(below), {
    lease,
    signal: options.signal,
  })
  lease.hold({ kind: 'chain', chain })
  const layer = { mediaType: mediaTypes.ociLayer, digest: diffIdAsDigest(merged.diffId), size: merged.size }
  return {
    ...draft,
    config: {
      ...draft.config,
      rootfs: { type: 'layers', diff_ids: [...below, merged.diffId] },
      history: squashedHistory(draft.config, baseLayers),
    },
    ...(draft.layers && { layers: [...draft.layers.slice(0, baseLayers), layer] }),
  }
}

/** Rows above the base keep their text; only the last of those that had a layer keeps one, the merged one. */
function squashedHistory({ history = [] }: ImageConfig, baseLayers: number): HistoryEntry[] {
  const lastLayer = history.findLastIndex((entry) => entry.empty_layer !== true)
  let layer = 0
  return history.map((entry, index) => {
    const isLayer = entry.empty_layer !== true
    const inBase = isLayer && layer++ < baseLayers
    return !isLayer || inBase || index === lastLayer ? entry : { ...entry, empty_layer: true }
  })
}
