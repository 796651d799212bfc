import { Readable } from 'node:stream'
import { canonicalJson } from '../oci/canonical-json.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { shortId, sha256 } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import {
  familiarReference,
  formatReference,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../oci/reference.ts'
import type { ImageRecord, Lease, Store } from '../store/store.ts'
import { failure, isMilleError } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { compressedLayers } from './compressed-layers.ts'
import type { PushResult } from './images.ts'
import { repositoryOf } from './names.ts'
import type { OpenRepository } from './repositories.ts'
import { mountSources, uploadBlobs, type Upload } from './upload-blobs.ts'

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
  const { raw, manifest, descriptor } = await distributable(store, record, lease, options)
  const upload: Upload = { store, repository, sources: mountSources(store, record, reference), options }
  // Docker names layers by diff ID here: the compressed digest is not known before the layer is compressed
  const ids = record.config.rootfs.diff_ids.map(shortId)
  await uploadBlobs(upload, manifest, ids, 'missing')
  await repository
    .push(descriptor, Readable.from([raw]), { signal: options.signal })
    .catch(async (error: unknown) => {
      if (!isMilleError(error, 'REGISTRY_BLOB_UNKNOWN')) throw error
      // the registry claimed to have or to have mounted a blob, and does not (B-PS-5): it gets all of them, once
      await uploadBlobs(upload, manifest, ids, 'all')
      await repository.push(descriptor, Readable.from([raw]), { signal: options.signal })
    })
  await repository.tag(descriptor, tag, { signal: options.signal })
  store.images.addRepoDigest(`${reference.registry}/${reference.repository}@${descriptor.digest}`, record.id)
  return { tag, digest: descriptor.digest, size: descriptor.size }
}

/** The manifest that leaves this machine: the recorded one, or one like it whose layers are compressed. */
async function distributable(
  store: Store,
  record: ImageRecord,
  lease: Lease,
  options: OpOptions,
): Promise<{ raw: Buffer; manifest: Manifest; descriptor: Descriptor }> {
  const recorded = await store.content.read(record.manifest.digest)
  const manifest = JSON.parse(recorded.toString()) as Manifest
  const layers = await compressedLayers(store, record, manifest, lease, options)
  if (layers === manifest.layers) return { raw: recorded, manifest, descriptor: record.manifest }
  const rewritten: Manifest = { ...manifest, layers }
  const raw = canonicalJson(rewritten)
  const mediaType = manifest.mediaType ?? mediaTypes.ociManifest
  const descriptor: Descriptor = { mediaType, digest: sha256(raw), size: raw.length }
  await store.content.ingest(raw, { expected: { digest: descriptor.digest }, lease })
  return { raw, manifest: rewritten, descriptor }
}
