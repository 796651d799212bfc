import type { BaseImage, BaseImages, ResolveOptions } from '../builder/base-images.ts'
import type { Images } from '../images/images.ts'
import { familiarName } from '../images/names.ts'
import { findImage } from '../store/find-image.ts'
import { applyLayoutImage, readLayoutImage } from '../images/layout-image.ts'
import type { LayoutImage, LayoutName } from '../images/layout-image.ts'
import { chainIdOf } from '../oci/digest.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { canonicalName, parseReference } from '../oci/reference.ts'
import { ensureApplied } from '../store/ensure-applied.ts'
import { findMember } from '../store/find-member.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { currentDigest, resolvePinned } from './pinned-images.ts'
import { failure, isMilleError, MilleError } from '../util/errors.ts'
import { suggest } from '../util/suggest.ts'

/**
 * Base images for builds: the one that is here under the name, when it fits the platform and no pull was asked for;
 * else it is pulled. Layers are applied, so that a step can mount them.
 */
export function createBaseImages(store: Store, images: Images): BaseImages {
  const findLocal = (name: string, platform: Platform, options: ResolveOptions): ImageRecord | undefined => {
    const found = options.pull ? undefined : findImage(store.images, name)?.record
    return found && findMember(store.images, found, platform)
  }
  return {
    async resolve(name, platform, options) {
      const layout = layoutName(name)
      if (layout !== undefined)
        return await bringLayout(store, name, readLayoutImage(layout, platform), options)
      const { pinned } = options
      if (pinned !== undefined) {
        const record = await resolvePinned(store, images, name, platform, { ...options, pinned })
        options.lease.hold({ kind: 'image', id: record.id })
        return apply(store, record, name, options)
      }
      const local = findLocal(name, platform, options)
      if (local === undefined) refuseOffline(store, name, platform, options)
      const record = local ?? (await pull(store, images, name, platform, options))
      options.lease.hold({ kind: 'image', id: record.id })
      return apply(store, record, name, options)
    },
    async describe(name, platform, options) {
      const layout = layoutName(name)
      if (layout !== undefined) return layoutBase(name, readLayoutImage(layout, platform))
      const local = findLocal(name, platform, options)
      if (local === undefined) refuseOffline(store, name, platform, options)
      const { id, config } = local ?? (await images.readConfig(name, { platform, signal: options.signal }))
      return { id, name: canonicalName(name), config, diffIds: config.rootfs.diff_ids }
    },
    digest: (name, options) => currentDigest(store, images, name, options),
  }
}

function refuseOffline(store: Store, name: string, platform: Platform, { offline }: ResolveOptions): void {
  if (!offline) return
  const shown = familiarName(canonicalName(name))
  const what = `image ${shown} for ${formatPlatform(platform)}`
  const hint = `bring it before, as with mille pull ${shown}`
  throw withSuggestion(failure('OFFLINE', { what, hint }), likelyLocal(localNames(store), name))
}

/** `oci-layout://FOLDER[:TAG][@DIGEST]`, as plans name such an image. */
function layoutName(name: string): LayoutName | undefined {
  const match = /^oci-layout:\/\/(.*?)(?::([^:/@]*))?(?:@(.*))?$/s.exec(name)
  return match === null ? undefined : { folder: match[1] ?? '', tag: match[2], digest: match[3] }
}

async function bringLayout(
  store: Store,
  name: string,
  image: LayoutImage,
  { lease, signal }: ResolveOptions,
): Promise<BaseImage> {
  await applyLayoutImage(store, image, { lease, signal })
  const chain = chainIdOf(image.config.rootfs.diff_ids)
  return { ...layoutBase(name, image), ...(chain !== undefined && { chain }) }
}

function layoutBase(name: string, { id, config, digest }: LayoutImage): BaseImage {
  return { id, name, config, diffIds: config.rootfs.diff_ids, digest }
}

async function pull(
  store: Store,
  images: Images,
  name: string,
  platform: Platform,
  options: ResolveOptions,
): Promise<ImageRecord> {
  const { signal, onProgress } = options
  const [pulled] = await images.pull(name, { platform, signal, onProgress }).catch((error: unknown) => {
    throw withSuggestion(error, likelyLocal(localNames(store), name))
  })
  const record = pulled && store.images.get(pulled.id)
  if (!record) throw failure('NO_SUCH_IMAGE', { reference: `${name} (${formatPlatform(platform)})` })
  return record
}

const localNames = (store: Store): string[] => store.images.list().flatMap(({ names }) => names)

/** The image here that `name` was probably meant to be: of the same or a near repository, with the tag if it has that. */
export function likelyLocal(names: readonly string[], name: string): string | undefined {
  const local = names.map((one) => splitTag(familiarName(one)))
  const wanted = splitTag(familiarName(canonicalName(name)))
  const repositories = local.map(({ repository }) => repository)
  const repository = repositories.includes(wanted.repository)
    ? wanted.repository
    : suggest(wanted.repository, repositories)
  if (repository === undefined) return undefined
  const tags = local.filter((one) => one.repository === repository).map(({ tag }) => tag)
  // it is here, but not for the platform that is wanted
  if (repository === wanted.repository && tags.includes(wanted.tag)) return undefined
  const tag = tags.includes(wanted.tag) ? wanted.tag : (suggest(wanted.tag, tags) ?? tags[0] ?? '')
  return tag === 'latest' ? repository : `${repository}:${tag}`
}

function splitTag(familiar: string): { readonly repository: string; readonly tag: string } {
  const [, repository = familiar, tag = ''] = /^(.+):([^:/]+)$/.exec(familiar) ?? []
  return { repository, tag }
}

function withSuggestion(error: unknown, suggestion: string | undefined): unknown {
  if (!isMilleError(error) || suggestion === undefined) return error
  const { kind, code, message, cause, details } = error
  return new MilleError(kind, code, message, { cause, details: { ...details, suggestion } })
}

async function apply(
  store: Store,
  record: ImageRecord,
  name: string,
  options: ResolveOptions,
): Promise<BaseImage> {
  const diffIds = record.config.rootfs.diff_ids
  const { signal, lease } = options
  const chain = await ensureApplied(store, diffIds, { signal, lease })
  return {
    id: record.id,
    name: canonicalName(name),
    config: record.config,
    diffIds,
    ...(chain !== undefined && { chain }),
    digest: sourceDigest(record, name),
  }
}

/** What the registry calls it, when it came from there. */
function sourceDigest({ manifest, repoDigests }: ImageRecord, name: string): Digest {
  const { registry, repository } = parseReference(name)
  const prefix = `${registry}/${repository}@`
  const digest = repoDigests.find((one) => one.startsWith(prefix))?.slice(prefix.length)
  return isDigest(digest) ? digest : manifest.digest
}
