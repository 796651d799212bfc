import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { shortId } from '../oci/digest.ts'
import { isIndexType } from '../oci/media-types.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { findMember, memberOf, platformOfConfig } from '../store/find-member.ts'
import type { Store } from '../store/store.ts'
import { writeTar } from '../tar/writer.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import type { NamedImage } from '../store/find-image.ts'
import { familiarName } from './names.ts'
import { archiveMembers, type ArchiveRoot } from './write-archive.ts'

export interface SaveOptions extends OpOptions {
  /** Of an index only the image for this platform; IMAGE_PLATFORM_MISSING. */
  readonly platform?: Platform
}

/** An archive that is an OCI layout and a Docker archive at once (A03), as `archiveMembers` orders it. */
export async function saveImages(
  store: Store,
  images: readonly NamedImage[],
  sink: Writable,
  options: SaveOptions = {},
): Promise<void> {
  await using lease = await store.lease('save')
  for (const { record } of images) lease.hold({ kind: 'image', id: record.id })
  const chosen = images.map((image) => chooseMember(store, image, options.platform))
  const roots = [...Map.groupBy(chosen, ({ record }) => record.manifest.digest).values()].map((group) =>
    rootOf(store, group),
  )
  await pipeline(writeTar(archiveMembers(store, roots)), sink, { signal: options.signal })
}

function chooseMember(store: Store, image: NamedImage, platform: Platform | undefined): NamedImage {
  if (platform === undefined) return image
  const record = findMember(store.images, image.record, platform)
  if (record !== undefined) return { ...image, record }
  const reference = image.name === undefined ? shortId(image.record.id) : familiarName(image.name)
  throw failure('IMAGE_PLATFORM_MISSING', { reference, platform: formatPlatform(platform) })
}

/** Readers of Docker's layout alone get the image of this machine, as they know nothing of an index. */
function rootOf(store: Store, group: readonly NamedImage[]): ArchiveRoot {
  const { record } = group[0] as NamedImage
  const names = group.flatMap(({ name }) => (name !== undefined && !name.includes('@') ? [name] : []))
  const root = { target: record.manifest, names: [...new Set(names)] }
  if (!isIndexType(record.manifest.mediaType))
    return { ...root, docker: record.manifest, platform: platformOfConfig(record) }
  return { ...root, docker: memberOf(store.images, record).manifest }
}
