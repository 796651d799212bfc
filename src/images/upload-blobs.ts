import { createReadStream } from 'node:fs'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference } from '../oci/reference.ts'
import type { Repository } from '../registry/repository.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { eachLimited } from '../util/each-limited.ts'
import type { OpOptions } from '../util/progress.ts'
import { ancestors } from './list.ts'
import { repositoryOf } from './names.ts'

/** Uploads side by side, as Docker's default. */
const parallelUploads = 5

export interface Upload {
  readonly store: Store
  readonly repository: Repository
  /** Repositories of the same registry that may have the blobs already. */
  readonly sources: readonly string[]
  readonly options: OpOptions
}

/**
 * Layers and config of `manifest` to the registry; `ids` name the layers in progress. `missing` asks for each blob
 * whether it is there, and tries to mount it; `all` sends every one.
 */
export async function uploadBlobs(
  upload: Upload,
  manifest: Manifest,
  ids: readonly string[],
  which: 'missing' | 'all',
): Promise<void> {
  const report = upload.options.onProgress
  await eachLimited(manifest.layers, parallelUploads, (layer, index) =>
    uploadBlob(upload, layer, which, (status, current) =>
      report?.({
        id: ids[index] ?? '',
        status,
        total: layer.size,
        ...(current !== undefined && { current }),
      }),
    ),
  )
  await uploadBlob(upload, manifest.config, which, () => {})
}

async function uploadBlob(
  { store, repository, sources, options: { signal } }: Upload,
  blob: Descriptor,
  which: 'missing' | 'all',
  report: (status: string, current?: number) => void,
): Promise<void> {
  if (which === 'missing') {
    if (await repository.exists(blob, { signal })) return report('Layer already exists')
    for (const from of sources) {
      if (await repository.mount(blob, from, { signal })) return report(`Mounted from ${from}`)
    }
  }
  report('Pushing', 0)
  // `fetch` verifies while streaming: a damaged blob never reaches the registry under a right name
  await repository.push(blob, await store.content.fetch(blob), {
    signal,
    onProgress: ({ current }) => report('Pushing', current),
    reopen: async (offset) => createReadStream(store.content.path(blob.digest), { start: offset }),
  })
  report('Pushed')
}

/** Other repositories of the same registry that had this image, or one it is built on. */
export function mountSources(store: Store, record: ImageRecord, reference: Reference): string[] {
  const prefix = `${reference.registry}/`
  const digests = [record, ...ancestors(store, record)].flatMap(({ repoDigests }) => repoDigests)
  return [...new Set(digests.map(repositoryOf))]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((name) => name !== reference.repository)
}
