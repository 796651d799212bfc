import type { Store } from '../store/store.ts'
import type { ContainerConfig } from '../oci/config.ts'
import { bootstrapImage } from './bootstrap/bootstrap.ts'
import { imageHistory } from './history.ts'
import type { Images, ImageUsers } from './images.ts'
import { importImage } from './import.ts'
import { inspectImage, listImages } from './list.ts'
import { loadImages } from './load.ts'
import { findImagesToSave } from './names.ts'
import { pullImage } from './pull.ts'
import { pushImage } from './push.ts'
import { pruneImages, removeImage } from './remove.ts'
import type { OpenRepository } from './repositories.ts'
import { saveImages } from './save.ts'
import { squashImage } from './squash.ts'
import { tagImage } from './tag.ts'
import { imageTree } from './tree.ts'

/** What the engine hands to `images`. */
export interface ImageParts {
  readonly store: Store
  readonly users: ImageUsers
  readonly openRepository: OpenRepository
  /** Applies Dockerfile instructions (`import -c`) to a config; lent by the builder. */
  readonly applyChanges: (config: ContainerConfig, changes: readonly string[]) => ContainerConfig
}

/** Images over a store. Nothing is opened by making them. */
export function createImages({ store, users, openRepository, applyChanges }: ImageParts): Images {
  return {
    list: (filters = {}) => listImages(store, users, filters),
    inspect: (nameOrId) => inspectImage(store, users, nameOrId),
    history: (nameOrId) => imageHistory(store, nameOrId),
    tag: async (source, target) => tagImage(store, source, target),
    remove: async (nameOrId, options = {}) => {
      const lines = await removeImage(store, users, nameOrId, options.force === true)
      await store.collect()
      return lines
    },
    prune: (options) => pruneImages(store, users, options),
    pull: (name, options) => pullImage(store, openRepository, name, options),
    push: (name, options) => pushImage(store, openRepository, name, options),
    save: (names, sink, options) =>
      saveImages(
        store,
        names.flatMap((name) => findImagesToSave(store.images, name)),
        sink,
        options,
      ),
    load: (source, options) => loadImages(store, source, options),
    import: (source, options) => importImage(store, applyChanges, source, options),
    tree: async () => imageTree(store),
    squash: (nameOrId, options) => squashImage(store, nameOrId, options),
    bootstrap: (name, options) => bootstrapImage(store, name, options),
    diskUsage: () => listImages(store, users, { all: true }),
  }
}
