import type { Descriptor } from '../oci/descriptor.ts'
import { diffIdAsDigest, shortId, type DiffId } from '../oci/digest.ts'
import type { LayerCompression } from '../oci/image-form.ts'
import type { Manifest } from '../oci/manifest.ts'
import { compressionOf, isManifestType, layerType } from '../oci/media-types.ts'
import type { BlobInfo, ImageRecord, Lease, Store } from '../store/store.ts'
import { compressionLevel, compressStream } from '../util/compress-stream.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'

export interface LayerFormOptions extends OpOptions {
  readonly compression: LayerCompression
  readonly mediaTypes: 'oci' | 'docker'
  readonly lease: Lease
  /** Images whose layers may be among these: what they came as is kept, unless the compression is forced. */
  readonly bases: readonly ImageRecord[]
}

/** How built images leave when nothing else was asked for. */
export const usualCompression: LayerCompression = { type: 'gzip', force: false }

/**
 * The layers of an image in the form that leaves this machine. Those of a base keep the blobs they came as; of a plain
 * tar the blob that was made before is taken, else it is made now, by encoders whose bytes depend on the tar alone, and
 * kept.
 */
export async function layersInForm(
  store: Store,
  diffIds: readonly DiffId[],
  options: LayerFormOptions,
): Promise<readonly Descriptor[]> {
  const { compression, mediaTypes } = options
  const known = compression.force ? new Map<DiffId, Descriptor>() : await formsOfBases(store, options.bases)
  const layers: Descriptor[] = []
  for (const diffId of diffIds) {
    const found = known.get(diffId)
    if (found === undefined) {
      const blob = await encode(store, diffId, options)
      layers.push({ mediaType: layerType(compression.type, mediaTypes), ...blob })
    } else {
      const { digest, size } = found
      const type = compressionOf(found.mediaType) ?? 'none'
      options.lease.hold({ kind: 'blob', digest })
      layers.push({ mediaType: layerType(type, mediaTypes), digest, size })
    }
  }
  return layers
}

/** Compressed layers as the manifests of `bases` name them, the last one's first, as far as they are here. */
async function formsOfBases(store: Store, bases: readonly ImageRecord[]): Promise<Map<DiffId, Descriptor>> {
  const forms = new Map<DiffId, Descriptor>()
  for (const { manifest, config } of bases) {
    if (!isManifestType(manifest.mediaType) || !(await store.content.exists(manifest))) continue
    const { layers } = JSON.parse((await store.content.read(manifest.digest)).toString()) as Manifest
    if (layers.length !== config.rootfs.diff_ids.length) continue
    for (const [index, layer] of layers.entries()) {
      const diffId = config.rootfs.diff_ids[index] as DiffId
      const compression = compressionOf(layer.mediaType)
      if (compression === undefined || compression === 'none' || forms.has(diffId)) continue
      if (await store.content.exists(layer)) forms.set(diffId, layer)
    }
  }
  return forms
}

async function encode(store: Store, diffId: DiffId, options: LayerFormOptions): Promise<BlobInfo> {
  const { compression, lease, signal, onProgress } = options
  const { type } = compression
  if (type === 'none') {
    const { size } = await getLayer(store, diffId)
    return { digest: diffIdAsDigest(diffId), size }
  }
  const level = compressionLevel(type, compression.level)
  const encoding = `${type}-${level}`
  const known = await store.layers.findForm(diffId, encoding)
  if (known !== undefined) {
    // held first, then looked for: a collection between the two would take it away
    lease.hold({ kind: 'blob', digest: known.digest })
    if ((await store.content.stat(known.digest)) !== undefined) return known
  }
  onProgress?.({ id: shortId(diffId), status: 'Compressing', current: 0 })
  const source = await store.layers.open(diffId)
  const { digest, size } = await store.content.ingest(compressStream(source, type, level), { lease, signal })
  await store.layers.keepForm(diffId, encoding, { digest, size })
  return { digest, size }
}

async function getLayer(store: Store, diffId: DiffId): Promise<{ readonly size: number }> {
  const layer = await store.layers.find(diffId)
  if (layer === undefined) throw failure('LAYER_NOT_FOUND', { diffId })
  return layer
}
