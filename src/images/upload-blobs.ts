import { createReadStream } from 'node:fs'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Reference } from '../oci/reference.ts'
import type { Repository } from '../registry/repository.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { eachLimited } from '../util/each-limited.ts'
import type { OpOptions } from '../util/progress.ts'
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
 * Blobs to the registry; `ids` names those that show in progress. `missing` asks for each blob whether it is there, and
 * tries to mount it; `all` sends every one.
 */
export async function uploadBlobs(
  upload: Upload,
  blobs: readonly Descriptor[],
  ids: ReadonlyMap<Digest, string>,
  which: 'missing' | 'all',
): Promise<void> {
  const { onProgress } = upload.options
  await eachLimited(blobs, parallelUploads, (blob) => {
    const id = ids.get(blob.digest)
    return uploadBlob(upload, blob, which, (status, current) => {
      if (id === undefined) return
      onProgress?.({ id, status, total: blob.size, ...(current !== undefined && { current }) })
    })
  })
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
    reopen: async (start, end) => createReadStream(store.content.path(blob.digest), { start, end: end - 1 }),
  })
  report('Pushed')
}

/** Other repositories of the same registry that had one of these images. */
export function mountSources(images: readonly ImageRecord[], reference: Reference): string[] {
  const prefix = `${reference.registry}/`
  const digests = images.flatMap(({ repoDigests }) => repoDigests)
  return [...new Set(digests.map(repositoryOf))]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((name) => name !== reference.repository)
}
