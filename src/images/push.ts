import type { Descriptor } from '../oci/descriptor.ts'
import { shortId, type Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { compressionOf, mediaTypes } from '../oci/media-types.ts'
import {
  familiarReference,
  formatReference,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../oci/reference.ts'
import type { ImageRecord, Lease, Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { writeDocument } from './compose-image.ts'
import type { PushResult } from './images.ts'
import { layersInForm, usualCompression } from './layer-forms.ts'
import { ancestors } from './list.ts'
import { repositoryOf } from './names.ts'
import type { OpenRepository } from './repositories.ts'
import { pushGraph } from './push-graph.ts'
import { mountSources } from './upload-blobs.ts'

/**
 * Pushes one tag, or with `allTags` every local tag of a repository. Layers leave compressed: as they were pulled, or
 * by mille's pinned encoder, so that the same image gets the same manifest digest everywhere.
 */
export async function pushImage(
  store: Store,
  open: OpenRepository,
  name: string,
  options: OpOptions & { readonly allTags?: boolean } = {},
): Promise<PushResult[]> {
  const reference = parseReference(name)
  if (reference.digest !== undefined) throw failure('PUSH_BY_DIGEST', {})
  const names =
    options.allTags === true ? localTags(store, reference) : [formatReference(withDefaultTag(reference))]
  const results: PushResult[] = []
  for (const canonical of names) {
    const record = store.images.find(canonical)
    if (!record) throw failure('NOT_LOCALLY_TAGGED', { name: familiarReference(reference) })
    results.push(await pushOne(store, open, record, parseReference(canonical), options))
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
  for (const diffId of record.config.rootfs.diff_ids) report?.({ id: shortId(diffId), status: 'Preparing' })
  const { target, ids } = await distributable(store, record, lease, options)
  const sources = mountSources([record, ...ancestors(store, record)], reference)
  await pushGraph({ store, repository, sources, options }, target, ids)
  await repository.tag(target, tag, { signal: options.signal })
  store.images.addRepoDigest(`${reference.registry}/${reference.repository}@${target.digest}`, record.id)
  return { tag, digest: target.digest, size: target.size }
}

interface Distributable {
  readonly target: Descriptor
  /** How progress names the layers: Docker takes diff IDs, as the compressed digest comes late. */
  readonly ids: ReadonlyMap<Digest, string>
}

/** The manifest that leaves this machine: the recorded one, or one like it whose layers are compressed. */
async function distributable(
  store: Store,
  record: ImageRecord,
  lease: Lease,
  options: OpOptions,
): Promise<Distributable> {
  const diffIds = record.config.rootfs.diff_ids
  const recorded = await store.content.read(record.manifest.digest)
  const manifest = JSON.parse(recorded.toString()) as Manifest
  const named = (layers: readonly Descriptor[]): Distributable['ids'] =>
    new Map(layers.map(({ digest }, index) => [digest, shortId(diffIds[index] ?? digest)]))
  const isPlain = ({ mediaType }: Descriptor): boolean => compressionOf(mediaType) === 'none'
  if (!manifest.layers.some(isPlain)) return { target: record.manifest, ids: named(manifest.layers) }
  const layers = await layersInForm(store, diffIds, {
    ...options,
    compression: usualCompression,
    mediaTypes: manifest.mediaType === mediaTypes.dockerManifest ? 'docker' : 'oci',
    lease,
    bases: [record, ...ancestors(store, record)],
  })
  const mediaType = manifest.mediaType ?? mediaTypes.ociManifest
  const target = await writeDocument(store, mediaType, { ...manifest, layers }, lease)
  return { target, ids: named(layers) }
}
