import { isDigest } from '../oci/digest.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { familiarReference, formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { findMember } from '../store/find-member.ts'
import type { ImageRecord, ImageStore } from '../store/store.ts'
import { failure } from '../util/errors.ts'

/** An image as the user named it: which record, and by which canonical name (absent when named by ID). */
export interface NamedImage {
  readonly record: ImageRecord
  readonly name?: string
}

const hexId = /^[0-9a-f]{1,64}$/

/**
 * Finds an image by name, `name@digest`, whole ID or ID prefix, in Docker's order: a name wins over an ID prefix
 * (`cafe` is a repository before it is hex digits). Undefined when there is none; AMBIGUOUS_ID, REFERENCE_INVALID.
 */
export function findImage(images: ImageStore, nameOrId: string): NamedImage | undefined {
  if (isDigest(nameOrId)) {
    const record = images.find(nameOrId)
    return record && { record }
  }
  const canonical = canonicalName(nameOrId)
  if (canonical !== undefined) {
    const record = images.find(canonical)
    if (record) return { record, name: canonical }
  }
  const prefix = nameOrId.replace(/^sha256:/, '')
  const record = hexId.test(prefix) ? images.find(prefix) : undefined
  if (record) return { record }
  if (canonical === undefined) parseReference(nameOrId)
  return undefined
}

/** As `findImage`; NO_SUCH_IMAGE, with the familiar name, when there is none. */
export function getImage(images: ImageStore, nameOrId: string): NamedImage {
  const found = findImage(images, nameOrId)
  if (!found) throw failure('NO_SUCH_IMAGE', { reference: displayName(nameOrId) })
  return found
}

/** As `getImage`, of an index the image for `platform`; IMAGE_PLATFORM_MISSING when it has none. */
export function getMember(images: ImageStore, nameOrId: string, platform: Platform | undefined): ImageRecord {
  const { record } = getImage(images, nameOrId)
  const member = platform === undefined ? record : findMember(images, record, platform)
  if (member !== undefined) return member
  const shown = platform === undefined ? '' : formatPlatform(platform)
  throw failure('IMAGE_PLATFORM_MISSING', { reference: displayName(nameOrId), platform: shown })
}

/**
 * What `save NAME` means, as in Docker: a bare repository is all its tags, an ID is the image without its names.
 * NO_SUCH_IMAGE in the user's own words.
 */
export function findImagesToSave(images: ImageStore, nameOrId: string): NamedImage[] {
  const tags = repositoryTags(images, nameOrId)
  if (tags.length > 0) return tags
  const found = findImage(images, nameOrId)
  if (!found) throw failure('NO_SUCH_IMAGE', { reference: nameOrId })
  return [found]
}

function repositoryTags(images: ImageStore, text: string): NamedImage[] {
  if (isDigest(text) || canonicalName(text) === undefined) return []
  const { registry, repository, tag, digest } = parseReference(text)
  if (tag !== undefined || digest !== undefined) return []
  return images
    .list()
    .flatMap((record) => record.names.map((name) => ({ record, name })))
    .filter(({ name }) => repositoryOf(name) === `${registry}/${repository}`)
}

/** What Docker puts behind `No such image:` — the familiar name with its tag. */
function displayName(nameOrId: string): string {
  const canonical = canonicalName(nameOrId)
  return canonical === undefined ? nameOrId : familiarName(canonical)
}

function canonicalName(text: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(text)))
  } catch {
    // not a name (it may be `sha256:<prefix>`): the caller reports what is wrong once nothing else matches
    return undefined
  }
}

/** `docker.io/library/alpine:latest` -> `alpine:latest`; the same for `…@sha256:…`. */
export function familiarName(canonical: string): string {
  return familiarReference(parseReference(canonical))
}

/** Everything before the tag or digest of a canonical name. */
export function repositoryOf(canonical: string): string {
  const at = canonical.indexOf('@')
  if (at >= 0) return canonical.slice(0, at)
  return canonical.slice(0, canonical.lastIndexOf(':'))
}
