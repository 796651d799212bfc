import { choosePlatform, hostPlatform, matchPlatform, type Platform } from '../oci/platform.ts'
import { isMilleError } from '../util/errors.ts'
import type { ImageRecord, ImageStore } from './store.ts'

/** What runs on `platform`: the image itself, or one of an index; undefined when there is no such. */
export function findMember(
  images: Pick<ImageStore, 'members'>,
  record: ImageRecord,
  platform: Platform,
): ImageRecord | undefined {
  const members = images.members(record)
  if (members.length === 1 && members[0] === record) {
    return matchPlatform(platform, platformOfConfig(record)) ? record : undefined
  }
  const index = { schemaVersion: 2, manifests: members.map(({ manifest }) => manifest) } as const
  try {
    const chosen = choosePlatform(index, platform)
    return members.find(({ manifest }) => manifest.digest === chosen.digest)
  } catch (error) {
    if (isMilleError(error, 'PLATFORM_NOT_FOUND')) return undefined
    throw error
  }
}

/** What a record means where one image is needed: of an index the one for `platform`, else the first. */
export function memberOf(
  images: Pick<ImageStore, 'members'>,
  record: ImageRecord,
  platform: Platform = hostPlatform(),
): ImageRecord {
  return findMember(images, record, platform) ?? images.members(record)[0] ?? record
}

export function platformOfConfig({ config }: ImageRecord): Platform {
  return platformOf(config)
}

export function platformOf({ os, architecture, variant }: ImageRecord['config']): Platform {
  return { os, architecture, ...(variant !== undefined && { variant }) }
}
