import { isDigest } from '../oci/digest.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { canonicalName, familiarReference, parseReference } from '../oci/reference.ts'
import { failure } from '../util/errors.ts'
import { findMember } from './find-member.ts'
import type { ImageRecord, ImageStore } from './store.ts'

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
  const canonical = findCanonicalName(nameOrId)
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

/**
 * As `getImage`, of an index the image for `platform`; IMAGE_PLATFORM_MISSING when it has none. Docker's `run` tells the
 * name as it was written (`shown`), its image commands the familiar one with its tag.
 */
export function getMember(
  images: ImageStore,
  nameOrId: string,
  platform: Platform | undefined,
  shown: string = displayName(nameOrId),
): ImageRecord {
  const { record } = getImage(images, nameOrId)
  const member = platform === undefined ? record : findMember(images, record, platform)
  if (member !== undefined) return member
  const wanted = platform === undefined ? '' : formatPlatform(platform)
  throw failure('IMAGE_PLATFORM_MISSING', { reference: shown, platform: wanted })
}

/** What Docker puts behind `No such image:` — the familiar name with its tag. */
function displayName(nameOrId: string): string {
  const canonical = findCanonicalName(nameOrId)
  return canonical === undefined ? nameOrId : familiarReference(parseReference(canonical))
}

/** With registry and tag; undefined when it is no name. */
export function findCanonicalName(text: string): string | undefined {
  try {
    return canonicalName(text)
  } catch {
    // not a name (it may be `sha256:<prefix>`): the caller reports what is wrong once nothing else matches
    return undefined
  }
}
