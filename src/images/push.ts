import { createReadStream } from 'node:fs'
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
import type { Repository } from '../registry/repository.ts'
import type { ImageRecord, Lease, Store } from '../store/store.ts'
import { eachLimited } from '../util/each-limited.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { compressedLayers } from './compressed-layers.ts'
import type { PushResult } from './images.ts'
import { repositoryOf } from './names.ts'
import type { OpenRepository } from './repositories.ts'

/** Uploads side by side, as Docker's default. */
const parallelUploads = 5

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
  // Docker names layers by diff ID here: the compressed digest is not known before the layer is compressed
  const ids = record.config.rootfs.diff_ids.map(shortId)
  await eachLimited(manifest.layers, parallelUploads, (layer, index) =>
    uploadBlob({ store, repository, record, reference, options }, layer, (status, current) =>
      report?.({
        id: ids[index] ?? '',
        status,
        total: layer.size,
        ...(current !== undefined && { current }),
      }),
    ),
  )
  await uploadBlob({ store, repository, record, reference, options }, manifest.config, () => {})
  await repository.push(descriptor, Readable.from([raw]), { signal: options.signal })
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

interface Upload {
  readonly store: Store
  readonly repository: Repository
  readonly record: ImageRecord
  readonly reference: Reference
  readonly options: OpOptions
}

async function uploadBlob(
  { store, repository, record, reference, options: { signal } }: Upload,
  blob: Descriptor,
  report: (status: string, current?: number) => void,
): Promise<void> {
  if (await repository.exists(blob, { signal })) return report('Layer already exists')
  for (const from of mountSources(record, reference)) {
    if (await repository.mount(blob, from, { signal })) return report(`Mounted from ${from}`)
  }
  report('Pushing', 0)
  // `fetch` verifies while streaming: a damaged blob never reaches the registry under a right name
  await repository.push(blob, await store.content.fetch(blob), {
    signal,
    onProgress: ({ current }) => report('Pushing', current),
    reopen: async (offset) => createReadStream(store.content.path(blob.digest), { start: offset }),
  })
  report('Pushed')
}

/** Other repositories of the same registry that had this image. */
function mountSources(record: ImageRecord, reference: Reference): string[] {
  const prefix = `${reference.registry}/`
  const repositories = new Set(record.repoDigests.map(repositoryOf))
  return [...repositories]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((name) => name !== reference.repository)
}
