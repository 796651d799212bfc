import type { Store } from '../store/store.ts'
import type { ContainerConfig } from '../oci/config.ts'
import { imageHistory } from './history.ts'
import { tellingImages } from './image-events.ts'
import type { Images, ImageUsers } from './images.ts'
import { inspectImage, listImages } from './list.ts'
import { findImagesToSave } from './names.ts'
import { pruneImages, removeImage } from './remove.ts'
import type { OpenRepository } from './repositories.ts'
import type { CheckSignature } from './signatures/check-signature.ts'
import { tagImage } from './tag.ts'
import { imageTree } from './tree.ts'

/** What the engine hands to `images`. */
export interface ImageParts {
  readonly store: Store
  readonly users: ImageUsers
  readonly openRepository: OpenRepository
  /** Whether an image may be pulled; absent: all may. */
  readonly checkSignature?: CheckSignature
  /** Applies Dockerfile instructions (`import -c`) to a config; lent by the builder. */
  readonly applyChanges: (config: ContainerConfig, changes: readonly string[]) => Promise<ContainerConfig>
}

/** Images over a store. Nothing is opened by making them, and what moves bytes is loaded only when it is asked for. */
export function createImages({
  store,
  users,
  openRepository,
  checkSignature,
  applyChanges,
}: ImageParts): Images {
  return tellingImages(store, {
    list: (filters = {}) => listImages(store, users, filters),
    inspect: (nameOrId, options) => inspectImage(store, users, nameOrId, options),
    history: (nameOrId, options) => imageHistory(store, nameOrId, options),
    tag: async (source, target) => tagImage(store, source, target),
    remove: async (nameOrId, options) => {
      const lines = await removeImage(store, users, nameOrId, options)
      await store.collect()
      return lines
    },
    prune: (options) => pruneImages(store, users, options),
    pull: async (name, options) =>
      (await import('./pull.ts')).pullImage({ store, open: openRepository, checkSignature }, name, options),
    readConfig: async (name, options) =>
      (await import('./pull.ts')).readRemoteConfig(store, openRepository, name, options),
    inspectRemote: async (name, options) =>
      (await import('./inspect-remote.ts')).inspectRemoteImage(openRepository, name, options),
    digest: async (name, options) => (await import('./pull.ts')).remoteDigest(openRepository, name, options),
    push: async (name, options) =>
      (await import('./push.ts')).pushImage(store, openRepository, name, options),
    copy: async (source, destination, options) => {
      const parts = { store, open: openRepository, checkSignature }
      return await (await import('./copy/copy-image.ts')).copyImage(parts, source, destination, options)
    },
    save: async (names, sink, options) => {
      const images = names.flatMap((name) => findImagesToSave(store.images, name))
      await (await import('./save.ts')).saveImages(store, images, sink, options)
    },
    load: async (source, options) => (await import('./load.ts')).loadImages(store, source, options),
    import: async (source, options) =>
      (await import('./import.ts')).importImage(store, applyChanges, source, options),
    tree: async () => imageTree(store),
    squash: async (nameOrId, options) => (await import('./squash.ts')).squashImage(store, nameOrId, options),
    bootstrap: async (name, options) =>
      (await import('./bootstrap/bootstrap.ts')).bootstrapImage(store, name, options),
    diskUsage: () => listImages(store, users, { all: true }),
    partialDownloads: () => store.partials(),
  })
}
