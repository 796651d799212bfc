import { shortId } from '../oci/digest.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { findMember, platformOfConfig } from '../store/find-member.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import { imageFilter, isDangling } from './filters.ts'
import type { ImageFilters, ImageUsers, PruneReport, RemovalLine, RemoveOptions } from './images.ts'
import { parentsOf } from './list.ts'
import { familiarName, repositoryOf } from './names.ts'
import { getImage, type NamedImage } from '../store/find-image.ts'

type Removal = Required<Pick<RemoveOptions, 'force' | 'prune'>>

/**
 * `rmi`: drops a name, and the image with its last name; by ID all names at once. Docker's rules (A29-A33):
 * IMAGE_NAME_IN_USE, IMAGE_IN_USE_STOPPED, IMAGE_IN_USE_RUNNING, IMAGE_IN_MANY_REPOSITORIES, IMAGE_HAS_CHILDREN are
 * conflicts. An image that others are built on only loses its name (B-GC-4), and goes with the last of them, unless
 * `prune` is off. Blobs go with the next collection.
 */
export async function removeImage(
  store: Store,
  users: ImageUsers,
  nameOrId: string,
  { force = false, prune = true, platform }: RemoveOptions = {},
): Promise<RemovalLine[]> {
  const how = { force, prune }
  const image = getImage(store.images, nameOrId)
  if (platform !== undefined) checkPlatform(store, image.record, nameOrId, platform)
  return image.name === undefined
    ? removeById(store, users, image.record, how)
    : removeByName(store, users, { record: image.record, name: image.name }, nameOrId, how)
}

/** One image of an index cannot go alone: the index says that it is there. */
function checkPlatform(store: Store, record: ImageRecord, shown: string, platform: Platform): void {
  if (findMember(store.images, record, platform) === undefined)
    throw failure('IMAGE_PLATFORM_MISSING', { reference: shown, platform: formatPlatform(platform) })
  const platforms = store.images.members(record).map((member) => formatPlatform(platformOfConfig(member)))
  if (platforms.length > 1)
    throw failure('IMAGE_PLATFORMS_TOGETHER', { reference: shown, platforms: platforms.join(', ') })
}

async function removeByName(
  store: Store,
  users: ImageUsers,
  { record, name }: Required<NamedImage>,
  typed: string,
  { force, prune }: Removal,
): Promise<RemovalLine[]> {
  const inUse = await users.usersOf(record.id)
  const user = inUse[0]
  if (!force && user && isSingleReference(record)) {
    const container = shortId(user.containerId)
    throw failure('IMAGE_NAME_IN_USE', { name: typed, container, image: shortId(record.id) })
  }
  const others = record.names.filter((other) => other !== name)
  const repository = repositoryOf(name)
  // digests of a repository go with its last tag; those of another repository keep the image
  const digests = others.some((other) => repositoryOf(other) === repository)
    ? []
    : record.repoDigests.filter((digest) => digest !== name && repositoryOf(digest) === repository)
  const going = [name, ...digests]
  const isLast = [...others, ...record.repoDigests].every((other) => going.includes(other))
  if (isLast && inUse.length === 0 && !hasChildren(store, record.id)) {
    const dropped = await drop(store, users, record, prune, going)
    if (dropped !== undefined) return dropped
  }
  // the name last: after a kill in between the same command finds it and goes on
  const lines = untag(store, digests)
  return [...untag(store, [name]), ...lines]
}

/**
 * Removes a record with its last names, in one step, and when `prune`, the dangling images it was built on that
 * nothing else needs. Undefined when somebody gave it another name meanwhile.
 */
async function drop(
  store: Store,
  users: ImageUsers,
  record: ImageRecord,
  prune: boolean,
  names: readonly string[] = [...record.names, ...record.repoDigests],
): Promise<RemovalLine[] | undefined> {
  if (!store.images.remove(record.id, names)) return undefined
  const lines: RemovalLine[] = [
    ...names.map((name) => ({ untagged: familiarName(name) })),
    { deleted: record.id },
  ]
  const parent = !prune || record.parent === undefined ? undefined : store.images.get(record.parent)
  if (!parent || !isDangling(parent) || parent.repoDigests.length > 0) return lines
  if (hasChildren(store, parent.id) || (await users.usersOf(parent.id)).length > 0) return lines
  return [...lines, ...((await drop(store, users, parent, prune)) ?? [])]
}

function hasChildren(store: Store, id: ImageRecord['id']): boolean {
  return parentsOf(store.images.list()).has(id)
}

async function removeById(
  store: Store,
  users: ImageUsers,
  record: ImageRecord,
  { force, prune }: Removal,
): Promise<RemovalLine[]> {
  await refuseInUse(users, record, force)
  if (hasChildren(store, record.id)) throw failure('IMAGE_HAS_CHILDREN', { image: shortId(record.id) })
  if (!force && !isSingleReference(record))
    throw failure('IMAGE_IN_MANY_REPOSITORIES', { image: shortId(record.id) })
  return (await drop(store, users, record, prune)) ?? untag(store, [...record.names, ...record.repoDigests])
}

async function refuseInUse(users: ImageUsers, record: ImageRecord, force: boolean): Promise<void> {
  const inUse = await users.usersOf(record.id)
  const running = inUse.find((user) => user.running)
  const image = shortId(record.id)
  if (running) throw failure('IMAGE_IN_USE_RUNNING', { image, container: shortId(running.containerId) })
  const stopped = inUse[0]
  if (stopped && !force)
    throw failure('IMAGE_IN_USE_STOPPED', { image, container: shortId(stopped.containerId) })
}

/** At most one tag, and digests only of its repository. */
function isSingleReference({ names, repoDigests }: ImageRecord): boolean {
  if (names.length > 1) return false
  const repositories = new Set([...names, ...repoDigests].map(repositoryOf))
  return repositories.size <= 1
}

function untag(store: Store, names: readonly string[]): RemovalLine[] {
  return names.filter((name) => store.images.untag(name)).map((name) => ({ untagged: familiarName(name) }))
}

/**
 * `image prune`: dangling images, with `all` every image that no container uses (running or not). An image that
 * others which stay are built on loses its names only. Without filters also what failed downloads left.
 */
export async function pruneImages(
  store: Store,
  users: ImageUsers,
  options: Omit<ImageFilters, 'dangling'> & { readonly all?: boolean },
): Promise<PruneReport> {
  const matches = imageFilter(store.images, options)
  const removed: RemovalLine[] = []
  // children before parents
  for (const record of store.images.list().sort((a, b) => b.sequence - a.sequence)) {
    if (!(options.all === true || isDangling(record)) || !matches(record)) continue
    if ((await users.usersOf(record.id)).length > 0 || !store.images.get(record.id)) continue
    const isParent = hasChildren(store, record.id)
    if (isParent && isDangling(record)) continue
    const lines = isParent
      ? untag(store, [...record.names, ...record.repoDigests])
      : await drop(store, users, record, true)
    removed.push(...(lines ?? []))
  }
  const { all: _, ...filters } = options
  // they have neither label nor time of their own: a filter leaves them alone
  const partials = Object.values(filters).every((value) => value === undefined)
  const { bytes } = await store.collect({ partials })
  return { removed, reclaimed: bytes }
}
