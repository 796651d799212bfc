import type { BaseImage, BaseImages, ResolveOptions } from '../builder/base-images.ts'
import type { Images } from '../images/images.ts'
import { findImage } from '../images/names.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { ensureApplied } from '../store/ensure-applied.ts'
import { findMember } from '../store/find-member.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'

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
      const local = findLocal(name, platform, options)
      const record = local ?? (await pull(store, images, name, platform, options))
      options.lease.hold({ kind: 'image', id: record.id })
      return apply(store, record, name, options)
    },
    async describe(name, platform, options) {
      const local = findLocal(name, platform, options)
      const { id, config } = local ?? (await images.readConfig(name, { platform, signal: options.signal }))
      return { id, name: canonicalName(name), config, diffIds: config.rootfs.diff_ids }
    },
  }
}

function canonicalName(name: string): string {
  return formatReference(withDefaultTag(parseReference(name)))
}

async function pull(
  store: Store,
  images: Images,
  name: string,
  platform: Platform,
  options: ResolveOptions,
): Promise<ImageRecord> {
  const { signal, onProgress } = options
  const [pulled] = await images.pull(name, { platform, signal, onProgress })
  const record = pulled && store.images.get(pulled.id)
  if (!record) throw failure('NO_SUCH_IMAGE', { reference: `${name} (${formatPlatform(platform)})` })
  return record
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
    digest: record.manifest.digest,
  }
}
