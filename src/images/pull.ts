import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { documentLimit } from '../oci/document-fields.ts'
import { parseImageConfig } from '../oci/image-config.ts'
import type { ImageConfig } from '../oci/config.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { DiffId, Digest } from '../oci/digest.ts'
import { parseManifestDocument } from '../oci/parse-manifest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { choosePlatform, hostPlatform } from '../oci/platform.ts'
import {
  type Reference,
  formatReference,
  parseReference,
  tagOrDigest,
  withDefaultTag,
} from '../oci/reference.ts'
import type { Repository } from '../registry/repository.ts'
import type { ImageRecord, Lease, Store } from '../store/store.ts'
import { failure, isMilleError, MilleError } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { checkImageManifest, checkLayerCount } from './check-image.ts'
import type { PullOptions, PullResult } from './images.ts'
import { pullLayers } from './pull-layers.ts'
import type { CheckSignature } from './signatures/check-signature.ts'
import type { OpenRepository } from './repositories.ts'

export interface PullParts {
  readonly store: Store
  readonly open: OpenRepository
  readonly checkSignature?: CheckSignature | undefined
}

/** Pulls one tag, a digest, or with `allTags` every tag of a repository. All or nothing per image (reliability I2). */
export async function pullImage(
  parts: PullParts,
  name: string,
  options: PullOptions = {},
): Promise<PullResult[]> {
  const reference = parseReference(name)
  if (reference.registry === 'docker.io' && reference.repository === 'library/scratch')
    throw failure('INVALID_ARGUMENT', { reason: "'scratch' is a reserved name" })
  if (options.allTags !== true) return [await pullOne(parts, withDefaultTag(reference), options)]
  const results: PullResult[] = []
  for await (const tag of (await parts.open(reference)).tags()) {
    results.push(await pullOne(parts, { ...reference, tag }, options))
  }
  return results
}

async function pullOne(
  { store, open, checkSignature }: PullParts,
  reference: Reference,
  options: PullOptions,
): Promise<PullResult> {
  const repository = await open(reference)
  await using lease = await store.lease(`pull ${formatReference(reference)}`)
  // the digest resolved here is used to the end, whatever the tag does meanwhile
  const top = await resolveTop(repository, reference, options)
  // before anything of it is taken, and whatever is here already
  await checkSignature?.(repository, reference, top.digest, { signal: options.signal })
  const shown = tagOrDigest(reference)
  options.onProgress?.({ id: shown, status: `Pulling from ${reference.repository}` })
  const whole = options.platform === undefined ? store.images.get(top.digest) : undefined
  if (whole !== undefined && (await hasLayers(store, whole)))
    return keepWhole(store, whole, reference, options)
  const { manifest, descriptor } = await fetchManifest(store, repository, top, lease, options)
  const name = formatReference(reference)
  const repoDigest = `${reference.registry}/${reference.repository}@${top.digest}`
  const known = store.images.get(manifest.config.digest)
  const changed = !(
    known &&
    isComplete(known, reference, name, repoDigest) &&
    (await hasLayers(store, known))
  )
  if (changed) {
    await fetchLayers(store, repository, manifest, lease, options)
    store.images.put({
      id: manifest.config.digest,
      manifest: descriptor,
      names: reference.digest === undefined ? [name] : [],
      repoDigests: [repoDigest],
    })
  }
  options.onProgress?.({ status: `Digest: ${top.digest}` })
  return { id: manifest.config.digest, digest: top.digest, name, changed }
}

/** A registry that could not be asked is named by its error, but not what was wanted of it: that is added. */
async function resolveTop(
  repository: Repository,
  reference: Reference,
  options: OpOptions,
): Promise<Descriptor> {
  try {
    return await repository.resolve(tagOrDigest(reference), options)
  } catch (error) {
    if (!isMilleError(error) || error.kind !== 'unavailable') throw error
    const { kind, code, details } = error
    const message = `failed to resolve reference "${formatReference(reference)}": ${error.message}`
    throw new MilleError(kind, code, message, { cause: error, details })
  }
}

/** An index that was built or loaded here is all that the registry has: it is not exchanged for one of its images. */
function keepWhole(
  store: Store,
  { id, names }: ImageRecord,
  reference: Reference,
  options: OpOptions,
): PullResult {
  const name = formatReference(reference)
  const changed = reference.digest === undefined && !names.includes(name)
  if (changed) store.images.tag(name, id)
  store.images.addRepoDigest(`${reference.registry}/${reference.repository}@${id}`, id)
  options.onProgress?.({ status: `Digest: ${id}` })
  return { id, digest: id, name, changed }
}

function isComplete(known: ImageRecord, reference: Reference, name: string, repoDigest: string): boolean {
  return (
    known.repoDigests.includes(repoDigest) && (reference.digest !== undefined || known.names.includes(name))
  )
}

/** Damage or a pruned blob must make `pull` mend the image, not call it up to date. */
async function hasLayers(store: Store, record: ImageRecord): Promise<boolean> {
  const diffIds = store.images.members(record).flatMap(({ config }) => config.rootfs.diff_ids)
  const layers = await Promise.all(diffIds.map((diffId) => store.layers.find(diffId)))
  return layers.every((layer) => layer !== undefined)
}

/** Follows an index to the manifest of the wanted platform; every document stays in the store as it came. */
async function fetchManifest(
  store: Store,
  repository: Repository,
  top: Descriptor,
  lease: Lease,
  options: PullOptions,
): Promise<{ manifest: Manifest; descriptor: Descriptor }> {
  let descriptor = top
  for (let depth = 0; depth < 8; depth++) {
    const raw = await fetchDocument(store, repository, descriptor, lease, options)
    const document = parseManifestDocument(raw, descriptor.mediaType)
    if (document.kind === 'manifest') return { manifest: document.manifest, descriptor: document.descriptor }
    descriptor = choosePlatform(document.index, options.platform ?? hostPlatform())
  }
  throw failure('MANIFEST_INVALID', { reason: `indexes nested deeper than 8 below ${top.digest}` })
}

/** A manifest or config: small, verified by the stream, kept in the store. */
async function fetchDocument(
  store: Store,
  repository: Repository,
  descriptor: Descriptor,
  lease: Lease,
  options: OpOptions,
): Promise<Buffer> {
  if (descriptor.size > documentLimit) {
    throw failure('MANIFEST_TOO_LARGE', { size: descriptor.size, limit: documentLimit })
  }
  lease.hold({ kind: 'blob', digest: descriptor.digest })
  if (await store.content.exists(descriptor)) return store.content.read(descriptor.digest)
  const raw = await buffer(await repository.fetch(descriptor, options))
  await store.content.ingest(Readable.from([raw]), { expected: { digest: descriptor.digest }, lease })
  return raw
}

/** The config alone: documents are held by the lease only, so the next collection takes them away. */
export async function readRemoteConfig(
  store: Store,
  open: OpenRepository,
  name: string,
  options: PullOptions = {},
): Promise<{ readonly id: Digest; readonly config: ImageConfig }> {
  const reference = withDefaultTag(parseReference(name))
  const repository = await open(reference)
  await using lease = await store.lease(`config of ${formatReference(reference)}`)
  const top = await resolveTop(repository, reference, options)
  const { manifest } = await fetchManifest(store, repository, top, lease, options)
  checkImageManifest(manifest)
  const raw = await fetchDocument(store, repository, manifest.config, lease, options)
  return { id: manifest.config.digest, config: parseImageConfig(raw) }
}

/** Where a name leads in its registry. */
export async function remoteDigest(
  open: OpenRepository,
  name: string,
  options: OpOptions = {},
): Promise<Digest> {
  const reference = withDefaultTag(parseReference(name))
  const repository = await open(reference)
  return (await resolveTop(repository, reference, options)).digest
}

async function fetchLayers(
  store: Store,
  repository: Repository,
  manifest: Manifest,
  lease: Lease,
  options: OpOptions,
): Promise<void> {
  checkImageManifest(manifest)
  const raw = await fetchDocument(store, repository, manifest.config, lease, options)
  const config: ImageConfig = parseImageConfig(raw)
  checkLayerCount(manifest.layers, config)
  const diffIds = config.rootfs.diff_ids
  const layers = manifest.layers.map((layer, index) => ({ layer, diffId: diffIds[index] as DiffId }))
  await pullLayers({ store, repository, lease, options }, layers)
}
