import { link } from 'node:fs/promises'
import type { BuilderParts } from '../builder/builder-parts.ts'
import { diffIdAsDigest, type DiffId } from '../oci/digest.ts'
import { ensureApplied } from '../store/ensure-applied.ts'
import { openStore } from '../store/open-store.ts'
import type { Lease, Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { createImageWriter } from './image-writer.ts'

/**
 * What a builder needs on a store of its own: nothing is known of earlier builds, and steps see their files in real
 * folders, in the order of the file system, where EROFS would give them sorted. Base images are those of `here`.
 */
export async function openElsewhere(
  here: BuilderParts,
  folder: string,
): Promise<BuilderParts & AsyncDisposable> {
  const { kind } = here.store.snapshots
  const store = await openStore(folder, { snapshotter: kind === 'erofs' ? 'unpacked' : kind })
  const lease = await here.store.lease('repro')
  const noRegistry = (): Promise<never> =>
    Promise.reject(failure('INTERNAL', { reason: 'a build on another machine reached for a registry' }))
  return {
    ...here,
    store,
    imageWriter: createImageWriter(store, noRegistry),
    baseImages: {
      ...here.baseImages,
      resolve: async (name, platform, options) => {
        const base = await here.baseImages.resolve(name, platform, { ...options, lease })
        await bringLayers(here.store, store, base.diffIds, options)
        return base
      },
    },
    async [Symbol.asyncDispose]() {
      await lease[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** The tars are shared, not copied: both stores lie on one file system. */
async function bringLayers(
  from: Store,
  to: Store,
  diffIds: readonly DiffId[],
  options: OpOptions & { readonly lease: Lease },
): Promise<void> {
  for (const diffId of diffIds) {
    const digest = diffIdAsDigest(diffId)
    const info = await from.content.stat(digest)
    if (info === undefined) throw failure('LAYER_NOT_FOUND', { diffId })
    if ((await to.content.stat(digest)) !== undefined) continue
    const path = to.content.temporaryPath()
    await link(from.content.path(digest), path)
    await to.content.adopt(path, info, options.lease)
  }
  await ensureApplied(to, diffIds, options)
}
