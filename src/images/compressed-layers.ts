import type { Descriptor } from '../oci/descriptor.ts'
import { shortId, type DiffId } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { compressionOf, mediaTypes } from '../oci/media-types.ts'
import type { ImageRecord, Lease, Store } from '../store/store.ts'
import { gzipDeterministic } from '../util/gzip-deterministic.ts'
import type { OpOptions } from '../util/progress.ts'
import { ancestors } from './list.ts'

/**
 * The layers of an image in the form that leaves this machine. Compressed ones stay; for a plain tar the blob that an
 * ancestor or an earlier push has of the same layer is taken, else it is compressed now, and kept.
 * Returns `manifest.layers` itself when nothing was to be done.
 */
export async function compressedLayers(
  store: Store,
  record: ImageRecord,
  manifest: Manifest,
  lease: Lease,
  options: OpOptions,
): Promise<readonly Descriptor[]> {
  if (manifest.layers.every((layer) => compressionOf(layer.mediaType) !== 'none')) return manifest.layers
  const known = await knownForms(store, record)
  const layers: Descriptor[] = []
  for (const [index, layer] of manifest.layers.entries()) {
    const diffId = record.config.rootfs.diff_ids[index] as DiffId
    const form = compressionOf(layer.mediaType) === 'none' ? known.get(diffId) : layer
    layers.push(form ?? (await compress(store, diffId, lease, options)))
  }
  return layers
}

/** Compressed blobs of this image's layers, from the images it is built on and from its own earlier pushes. */
async function knownForms(store: Store, record: ImageRecord): Promise<Map<DiffId, Descriptor>> {
  const forms = new Map<DiffId, Descriptor>()
  for (const image of [...ancestors(store, record).toReversed(), record]) {
    const digests = [
      image.manifest.digest,
      ...image.repoDigests.map((name) => name.slice(name.indexOf('@') + 1)),
    ]
    for (const digest of new Set(digests)) {
      const found = await store.content.stat(digest as typeof image.manifest.digest)
      if (!found) continue
      const document = JSON.parse((await store.content.read(found.digest)).toString()) as Partial<Manifest>
      if (document.layers?.length !== image.config.rootfs.diff_ids.length) continue
      await addForms(store, forms, image, document.layers)
    }
  }
  return forms
}

async function addForms(
  store: Store,
  forms: Map<DiffId, Descriptor>,
  image: ImageRecord,
  layers: readonly Descriptor[],
): Promise<void> {
  for (const [index, layer] of layers.entries()) {
    const diffId = image.config.rootfs.diff_ids[index] as DiffId
    const compression = compressionOf(layer.mediaType)
    if (compression === undefined || compression === 'none' || forms.has(diffId)) continue
    if (await store.content.exists(layer)) forms.set(diffId, layer)
  }
}

async function compress(store: Store, diffId: DiffId, lease: Lease, options: OpOptions): Promise<Descriptor> {
  const id = shortId(diffId)
  options.onProgress?.({ id, status: 'Compressing', current: 0 })
  const source = await store.layers.open(diffId)
  const blob = await store.content.ingest(gzipDeterministic(source), { lease, signal: options.signal })
  return { mediaType: mediaTypes.ociLayerGzip, digest: blob.digest, size: blob.size }
}
