import type { ResolveOptions } from '../builder/base-images.ts'
import type { Images } from '../images/images.ts'
import { familiarName } from '../images/names.ts'
import { findImage } from '../store/find-image.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { canonicalName, parseReference } from '../oci/reference.ts'
import { findMember } from '../store/find-member.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { failure, isMilleError } from '../util/errors.ts'

/**
 * What a name leads to now: as its registry says; an image that came from none is known by its own manifest here.
 * Offline, what the registry said last. Errors: OFFLINE, those of the registry.
 */
export async function currentDigest(
  store: Store,
  images: Images,
  name: string,
  { offline, signal }: Pick<ResolveOptions, 'offline' | 'signal'>,
): Promise<Digest> {
  const record = findImage(store.images, name)?.record
  const pulled = record && pulledDigest(record, name)
  if (record !== undefined && pulled === undefined) return record.manifest.digest
  if (!offline) return await images.digest(name, { signal })
  if (pulled !== undefined) return pulled
  const shown = shownName(name)
  throw failure('OFFLINE', { what: `image ${shown}`, hint: `bring it before, as with mille pull ${shown}` })
}

/**
 * The image of that digest, from here or from its registry, while its name still leads to it. Where the registry cannot be
 * asked, and no pull is wanted, the digest is word enough. Errors: LOCK_DRIFT, OFFLINE, those of pulling.
 */
export async function resolvePinned(
  store: Store,
  images: Images,
  name: string,
  platform: Platform,
  options: ResolveOptions & { readonly pinned: Digest },
): Promise<ImageRecord> {
  const { pinned, pull, offline, signal, onProgress } = options
  const drift = (found: string, cause?: unknown): Error =>
    failure('LOCK_DRIFT', { what: `image ${shownName(name)}`, locked: pinned, found }, { cause })
  if (!offline) {
    const current = await currentDigest(store, images, name, options).catch((error: unknown) => {
      if (isMilleError(error, 'MANIFEST_UNKNOWN', 'REGISTRY_REPOSITORY_UNKNOWN'))
        throw drift('its registry has no such tag any more', error)
      if (pull || !isUnreachable(error)) throw error
      return pinned
    })
    if (current !== pinned) throw drift(`leads to ${current} now`)
  }
  const byDigest = `${repositoryName(name)}@${pinned}`
  const named = findImage(store.images, name)?.record
  const isNamed = named !== undefined && named.manifest.digest === pinned
  const here = store.images.find(byDigest) ?? (isNamed ? named : undefined)
  const member = here && findMember(store.images, here, platform)
  if (member !== undefined) return member
  // of an image that came from no registry there is no other to be had
  if (named !== undefined && pulledDigest(named, name) === undefined)
    throw drift(`leads to ${named.manifest.digest} now`)
  if (offline) {
    const what = `image ${shownName(name)} of ${pinned} for ${formatPlatform(platform)}`
    throw failure('OFFLINE', { what, hint: `bring it before, as with mille pull ${byDigest}` })
  }
  const [got] = await images.pull(byDigest, { platform, signal, onProgress }).catch((error: unknown) => {
    if (!isMilleError(error, 'MANIFEST_UNKNOWN', 'BLOB_NOT_FOUND')) throw error
    throw drift('its registry does not have that any more', error)
  })
  const record = got && store.images.get(got.id)
  if (record === undefined) throw failure('NO_SUCH_IMAGE', { reference: byDigest })
  return record
}

function isUnreachable(error: unknown): boolean {
  return isMilleError(error, 'REGISTRY_UNREACHABLE', 'REGISTRY_RATE_LIMITED', 'REGISTRY_FAILED')
}

/** Under which digest of the name's own repository the image was pulled or pushed last. */
function pulledDigest({ repoDigests }: ImageRecord, name: string): Digest | undefined {
  const prefix = `${repositoryName(name)}@`
  return repoDigests.findLast((one) => one.startsWith(prefix))?.slice(prefix.length) as Digest | undefined
}

function repositoryName(name: string): string {
  const { registry, repository } = parseReference(name)
  return `${registry}/${repository}`
}

function shownName(name: string): string {
  return familiarName(canonicalName(name))
}
