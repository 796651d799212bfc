import { isDigest } from '../oci/digest.ts'
import { familiarReference, parseReference } from '../oci/reference.ts'
import { findCanonicalName, findImage, type NamedImage } from '../store/find-image.ts'
import type { ImageStore } from '../store/store.ts'
import { failure } from '../util/errors.ts'

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
  if (isDigest(text) || findCanonicalName(text) === undefined) return []
  const { registry, repository, tag, digest } = parseReference(text)
  if (tag !== undefined || digest !== undefined) return []
  return images
    .list()
    .flatMap((record) => record.names.map((name) => ({ record, name })))
    .filter(({ name }) => repositoryOf(name) === `${registry}/${repository}`)
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
