import { isDigest, type DiffId, type Digest } from '../oci/digest.ts'
import type { Index, Manifest } from '../oci/manifest.ts'
import { isIndexType } from '../oci/media-types.ts'
import type { Platform } from '../oci/platform.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { imageFilter, isDangling, nameFilter } from './filters.ts'
import type { ImageDetails, ImageFilters, ImageStatement, ImageSummary, ImageUsers } from './images.ts'
import { isAttestation } from './is-attestation.ts'
import { familiarName } from './names.ts'
import { getMember } from '../store/find-image.ts'

/**
 * Newest first, as Docker lists them. Dangling images that others are built on show with `all` only: they take no space
 * of their own.
 */
export async function listImages(
  store: Store,
  users: ImageUsers,
  filters: ImageFilters & { readonly all?: boolean },
): Promise<ImageSummary[]> {
  const records = store.images.list()
  const matches = imageFilter(store.images, filters)
  const layerUses = countLayerUses(records)
  const layerSizes = await sizesOfLayers(store, layerUses)
  const parents = parentsOf(records)
  const wanted = records
    .filter((record) => filters.all === true || !isDangling(record) || !parents.has(record.id))
    .filter(matches)
    .sort((a, b) => b.addedAt - a.addedAt || b.sequence - a.sequence)
  const isShown = nameFilter(filters)
  return Promise.all(
    wanted.map((record) =>
      summarize(
        { ...record, names: record.names.filter(isShown), repoDigests: record.repoDigests.filter(isShown) },
        users,
        layerUses,
        layerSizes,
      ),
    ),
  )
}

export async function inspectImage(
  store: Store,
  users: ImageUsers,
  nameOrId: string,
  { platform }: { readonly platform?: Platform } = {},
): Promise<ImageDetails> {
  const record = getMember(store.images, nameOrId, platform)
  const summary = await summarize(record, users, new Map(), new Map())
  const attestations = await statementsOf(store, record)
  return {
    ...summary,
    config: record.config,
    manifest: record.manifest,
    architecture: record.config.architecture,
    os: record.config.os,
    ...(record.parent && { parent: record.parent }),
    lastTaggedAt: record.addedAt,
    ...(attestations.length > 0 && { attestations }),
  }
}

async function statementsOf(store: Store, { manifest }: ImageRecord): Promise<ImageStatement[]> {
  if (!isIndexType(manifest.mediaType)) return []
  const index = JSON.parse((await store.content.read(manifest.digest)).toString()) as Index
  const found: ImageStatement[] = []
  for (const entry of index.manifests.filter(isAttestation)) {
    const subject = entry.annotations?.['vnd.docker.reference.digest']
    if (!isDigest(subject) || !(await store.content.exists(entry))) continue
    const { layers } = JSON.parse((await store.content.read(entry.digest)).toString()) as Manifest
    for (const { annotations, digest, size } of layers) {
      const predicateType = annotations?.['in-toto.io/predicate-type']
      if (predicateType !== undefined) found.push({ subject, predicateType, digest, size })
    }
  }
  return found
}

/** IDs that some image of `records` was built on. */
export function parentsOf(records: readonly ImageRecord[]): Set<Digest | undefined> {
  return new Set(records.map(({ parent }) => parent))
}

/** In how many images each layer is. */
function countLayerUses(records: readonly ImageRecord[]): Map<DiffId, number> {
  const uses = new Map<DiffId, number>()
  for (const record of records) {
    for (const diffId of new Set(record.config.rootfs.diff_ids)) uses.set(diffId, (uses.get(diffId) ?? 0) + 1)
  }
  return uses
}

/** Only of layers that several images share: the others cannot count as shared. */
async function sizesOfLayers(store: Store, uses: ReadonlyMap<DiffId, number>): Promise<Map<DiffId, number>> {
  const shared = [...uses].filter(([, count]) => count > 1)
  const sizes = shared.map(
    async ([diffId]) => [diffId, (await store.layers.find(diffId))?.size ?? 0] as const,
  )
  return new Map(await Promise.all(sizes))
}

async function summarize(
  record: ImageRecord,
  users: ImageUsers,
  layerUses: ReadonlyMap<DiffId, number>,
  layerSizes: ReadonlyMap<DiffId, number>,
): Promise<ImageSummary> {
  const shared = record.config.rootfs.diff_ids.filter((diffId) => (layerUses.get(diffId) ?? 0) > 1)
  return {
    id: record.id,
    repoTags: record.names.map(familiarName),
    repoDigests: record.repoDigests.map(familiarName),
    labels: record.config.config?.Labels ?? {},
    createdAt: record.addedAt,
    size: record.size,
    sharedSize: shared.reduce((sum, diffId) => sum + (layerSizes.get(diffId) ?? 0), 0),
    containers: (await users.usersOf(record.id)).length,
    dangling: isDangling(record),
  }
}

/** The images a set of records was built on, nearest first; stops at the first that is not in the store. */
export function ancestors(store: Store, record: ImageRecord): ImageRecord[] {
  const chain: ImageRecord[] = []
  const seen = new Set<Digest>([record.id])
  for (let id = record.parent; id !== undefined && !seen.has(id);) {
    const parent = store.images.get(id)
    if (!parent) break
    seen.add(id)
    chain.push(parent)
    id = parent.parent
  }
  return chain
}
