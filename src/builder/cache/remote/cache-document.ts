import { canonicalJson } from '../../../oci/canonical-json.ts'
import type { ImageConfig } from '../../../oci/config.ts'
import type { Descriptor } from '../../../oci/descriptor.ts'
import { isDigest, type DiffId, type Digest } from '../../../oci/digest.ts'
import { compressionOf } from '../../../oci/media-types.ts'
import { failure } from '../../../util/errors.ts'
import type { FoundManifest } from './cache-place.ts'

/** BuildKit's type of a cache's config: its importers read such a manifest, and find no record of theirs in it. */
export const cacheConfigType = 'application/vnd.buildkit.cacheconfig.v0'
/** The field of an image config that holds records (`inline`). */
const inlineField = 'mille.cache.v1'
/** Records are small; a hostile list must not keep a build busy. */
const maxRecords = 200_000

/** The result of a step: all keys it is found under, and the layer it added to what it went on from. */
export interface RemoteRecord {
  readonly keys: readonly Digest[]
  /** Absent when the step changed nothing. */
  readonly layer?: DiffId
}

export interface CacheDocument {
  readonly records: readonly RemoteRecord[]
  /** Blobs of the layers. */
  readonly layers: ReadonlyMap<DiffId, Descriptor>
  /** Tars of cache mounts, by the mount's key. */
  readonly mounts: ReadonlyMap<string, Descriptor>
}

/** The bytes of a cache's config. `layers` is in BuildKit's form, what mille needs stands beside it. */
export function cacheConfig({ records, layers, mounts }: CacheDocument): Buffer {
  const mountList = [...mounts].map(([key, { digest }]) => ({ key, blob: digest }))
  return canonicalJson({
    layers: [...layers].map(([diffID, { digest, mediaType, size }]) => ({
      blob: digest,
      parent: -1,
      annotations: { mediaType, diffID, size },
    })),
    records: [],
    mille: { version: 1, records, ...(mounts.size > 0 && { mounts: mountList }) },
  })
}

/** A config with the records in it: whoever has the image has them too. */
export function withInlineCache(config: ImageConfig, records: readonly RemoteRecord[]): ImageConfig {
  return Object.assign({}, config, { [inlineField]: { version: 1, records } })
}

/**
 * The records of a cache, or of an image that has them inline; undefined when there are none of mille's. What is not
 * as it should be is CACHE_INVALID: nothing of such a cache is used (B-BD-10).
 */
export function parseCache({ config, document, layers }: FoundManifest): CacheDocument | undefined {
  const fields = asObject(parseJson(document), 'config')
  const isCache = config.mediaType === cacheConfigType
  const own = isCache ? fields['mille'] : fields[inlineField]
  if (own === undefined) return undefined
  const { version, records, mounts = [] } = asObject(own, 'records')
  if (version !== 1) throw invalid(`version ${String(version)} is not known here`)
  const byDiffId = isCache
    ? layersByNote(asList(fields['layers'], 'layers'), layers)
    : layersByPlace(asObject(fields['rootfs'], 'rootfs')['diff_ids'], layers)
  return {
    records: asList(records, 'records').map((record) => readRecord(record, byDiffId)),
    layers: byDiffId,
    mounts: new Map(asList(mounts, 'mounts').map((mount) => readMount(mount, layers))),
  }
}

function readMount(value: unknown, blobs: readonly Descriptor[]): [string, Descriptor] {
  const { key, blob } = asObject(value, 'a mount')
  const descriptor = blobs.find(({ digest }) => digest === blob)
  if (typeof key !== 'string' || !/^[0-9a-f]{64}$/.test(key)) throw invalid('a mount has no key')
  if (descriptor === undefined) throw invalid('a mount is not in its manifest')
  return [key, checkType(descriptor)]
}

function readRecord(value: unknown, layers: ReadonlyMap<DiffId, Descriptor>): RemoteRecord {
  const { keys, layer } = asObject(value, 'a record')
  const list = asList(keys, 'keys')
  if (!list.every(isDigest)) throw invalid('a key is no digest')
  return layer === undefined ? { keys: list } : { keys: list, layer: knownLayer(layer, layers) }
}

function knownLayer(layer: unknown, layers: ReadonlyMap<DiffId, Descriptor>): DiffId {
  if (!isDigest(layer) || !layers.has(layer as string as DiffId))
    throw invalid('a record names a layer that is not in it')
  return layer as string as DiffId
}

/** The config says of each blob which layer it holds. */
function layersByNote(notes: readonly unknown[], blobs: readonly Descriptor[]): Map<DiffId, Descriptor> {
  const byDigest = new Map(blobs.map((blob) => [blob.digest as string, blob]))
  const layers = new Map<DiffId, Descriptor>()
  for (const note of notes) {
    const { blob, annotations } = asObject(note, 'a layer')
    const { diffID } = asObject(annotations, 'a layer')
    const descriptor = byDigest.get(String(blob))
    if (descriptor === undefined || !isDigest(diffID)) throw invalid('a layer is not in its manifest')
    addLayer(layers, diffID, descriptor)
  }
  return layers
}

function layersByPlace(diffIds: unknown, blobs: readonly Descriptor[]): Map<DiffId, Descriptor> {
  const layers = new Map<DiffId, Descriptor>()
  for (const [index, diffId] of asList(diffIds, 'diff IDs').entries()) {
    const descriptor = blobs[index]
    if (descriptor === undefined || !isDigest(diffId)) throw invalid('layers and diff IDs do not agree')
    addLayer(layers, diffId, descriptor)
  }
  return layers
}

function addLayer(layers: Map<DiffId, Descriptor>, diffId: Digest, descriptor: Descriptor): void {
  layers.set(diffId as string as DiffId, checkType(descriptor))
}

function checkType(descriptor: Descriptor): Descriptor {
  if (compressionOf(descriptor.mediaType) !== undefined) return descriptor
  throw invalid(`layers of type ${descriptor.mediaType} are not known`)
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw failure('CACHE_INVALID', { reason: 'its config is no JSON' }, { cause })
  }
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what} is no object`)
  return value as Readonly<Record<string, unknown>>
}

function asList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${what} are no list`)
  if (value.length > maxRecords) throw invalid(`more than ${maxRecords} ${what}`)
  return value
}

function invalid(reason: string): Error {
  return failure('CACHE_INVALID', { reason })
}
