import type { Descriptor } from '../oci/descriptor.ts'
import { shortId, type Digest } from '../oci/digest.ts'
import type { Index, Manifest } from '../oci/manifest.ts'
import { compressionOf, isIndexType, mediaTypes } from '../oci/media-types.ts'
import {
  familiarReference,
  formatReference,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../oci/reference.ts'
import type { Platform } from '../oci/platform.ts'
import type { ImageRecord, Lease, Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { writeDocument } from './write-document.ts'
import type { PushResult } from './images.ts'
import { layersInForm, usualCompression } from './layer-forms.ts'
import { ancestors } from './list.ts'
import { isAttestation } from './is-attestation.ts'
import { repositoryOf } from './names.ts'
import { getMember } from '../store/find-image.ts'
import type { OpenRepository } from './repositories.ts'
import { pushGraph } from './push-graph.ts'
import { mountSources } from './upload-blobs.ts'

export interface PushOptions extends OpOptions {
  readonly allTags?: boolean
  /** Of an index only the image for it. */
  readonly platform?: Platform
}

/**
 * Pushes one tag, or with `allTags` every local tag of a repository. Layers leave compressed: as they were pulled, or
 * by mille's pinned encoder, so that the same image gets the same manifest digest everywhere.
 */
export async function pushImage(
  store: Store,
  open: OpenRepository,
  name: string,
  options: PushOptions = {},
): Promise<PushResult[]> {
  const reference = parseReference(name)
  if (reference.digest !== undefined) throw failure('PUSH_BY_DIGEST', {})
  const names =
    options.allTags === true ? localTags(store, reference) : [formatReference(withDefaultTag(reference))]
  const results: PushResult[] = []
  for (const canonical of names) {
    const record = store.images.find(canonical)
    if (!record) throw failure('NOT_LOCALLY_TAGGED', { name: familiarReference(reference) })
    const member = getMember(store.images, canonical, options.platform)
    results.push(await pushOne(store, open, member, parseReference(canonical), options))
  }
  return results
}

function localTags(store: Store, reference: Reference): string[] {
  const repository = `${reference.registry}/${reference.repository}`
  const names = store.images.list().flatMap((record) => record.names)
  const tags = names.filter((name) => repositoryOf(name) === repository)
  if (tags.length === 0) throw failure('NOT_LOCALLY_TAGGED', { name: familiarReference(reference) })
  return tags.sort()
}

async function pushOne(
  store: Store,
  open: OpenRepository,
  record: ImageRecord,
  reference: Reference,
  options: OpOptions,
): Promise<PushResult> {
  await using lease = await store.lease(`push ${formatReference(reference)}`)
  lease.hold({ kind: 'image', id: record.id })
  const repository = await open(reference)
  const tag = reference.tag ?? 'latest'
  const report = options.onProgress
  const members = store.images.members(record)
  for (const diffId of new Set(members.flatMap(({ config }) => config.rootfs.diff_ids)))
    report?.({ id: shortId(diffId), status: 'Preparing' })
  const { target, ids } = await distributable(store, record, lease, options)
  const sources = mountSources([record, ...ancestors(store, record)], reference)
  await pushGraph({ store, repository, sources, options }, target, ids)
  await repository.tag(target, tag, { signal: options.signal })
  store.images.addRepoDigest(`${reference.registry}/${reference.repository}@${target.digest}`, record.id)
  return { tag, digest: target.digest, size: target.size }
}

export interface Distributable {
  readonly target: Descriptor
  /** How progress names the layers: Docker takes diff IDs, as the compressed digest comes late. */
  readonly ids: ReadonlyMap<Digest, string>
}

/**
 * The manifest that leaves this machine: the recorded one, or one like it whose layers are compressed; of an index one
 * with such manifests.
 */
export async function distributable(
  store: Store,
  record: ImageRecord,
  lease: Lease,
  options: OpOptions,
): Promise<Distributable> {
  if (!isIndexType(record.manifest.mediaType)) return await distributableImage(store, record, lease, options)
  const index = JSON.parse((await store.content.read(record.manifest.digest)).toString()) as Index
  const members = new Map(store.images.members(record).map((member) => [member.manifest.digest, member]))
  const ids = new Map<Digest, string>()
  const manifests: Descriptor[] = []
  // statements about an image name its manifest: it must not become another one
  const isFixed = index.manifests.some(isAttestation)
  for (const entry of index.manifests) {
    const member = members.get(entry.digest)
    const image = member && (await distributableImage(store, member, lease, { ...options, isFixed }))
    for (const [digest, id] of image?.ids ?? []) ids.set(digest, id)
    manifests.push(
      image === undefined ? entry : { ...entry, digest: image.target.digest, size: image.target.size },
    )
  }
  const isSame = manifests.every(({ digest }, at) => digest === index.manifests[at]?.digest)
  if (isSame) return { target: record.manifest, ids }
  const target = await writeDocument(store, record.manifest.mediaType, { ...index, manifests }, lease)
  return { target, ids }
}

async function distributableImage(
  store: Store,
  record: ImageRecord,
  lease: Lease,
  { isFixed = false, ...options }: OpOptions & { readonly isFixed?: boolean },
): Promise<Distributable> {
  const { mediaType, digest, size } = record.manifest
  const diffIds = record.config.rootfs.diff_ids
  const manifest = JSON.parse((await store.content.read(digest)).toString()) as Manifest
  const named = (layers: readonly Descriptor[]): Distributable['ids'] =>
    new Map(layers.map((layer, index) => [layer.digest, shortId(diffIds[index] ?? layer.digest)]))
  const isPlain = (layer: Descriptor): boolean => compressionOf(layer.mediaType) === 'none'
  if (isFixed || !manifest.layers.some(isPlain)) {
    return { target: { mediaType, digest, size }, ids: named(manifest.layers) }
  }
  const layers = await layersInForm(store, diffIds, {
    ...options,
    compression: usualCompression,
    mediaTypes: mediaType === mediaTypes.dockerManifest ? 'docker' : 'oci',
    lease,
    bases: [record, ...ancestors(store, record)].flatMap((image) => store.images.members(image)),
  })
  const target = await writeDocument(store, mediaType, { ...manifest, layers }, lease)
  return { target, ids: named(layers) }
}
