import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ComposedImage } from '../oci/composed-image.ts'
import { shortId, type Digest } from '../oci/digest.ts'
import { parseReference } from '../oci/reference.ts'
import type { Store } from '../store/store.ts'
import { writeTar } from '../tar/writer.ts'
import type { OpOptions } from '../util/progress.ts'
import { ancestors } from './list.ts'
import { pushGraph, readGraph } from './push-graph.ts'
import type { OpenRepository } from './repositories.ts'
import { mountSources } from './upload-blobs.ts'
import { archiveMembers, type ArchiveRoot } from './write-archive.ts'
import { writeLayout } from './write-layout.ts'

/** Pushes what was composed under a canonical name, and tags it there unless it goes by its digest. */
export async function pushComposed(
  store: Store,
  open: OpenRepository,
  { target, images }: ComposedImage,
  name: string,
  options: OpOptions & { readonly byDigest: boolean },
): Promise<void> {
  const reference = parseReference(name)
  const repository = await open(reference)
  const bases = images.flatMap(({ parent }) => {
    const base = parent === undefined ? undefined : store.images.get(parent)
    return base === undefined ? [] : [base, ...ancestors(store, base)]
  })
  const { blobs } = await readGraph(store, target)
  const ids = new Map<Digest, string>(blobs.map(({ digest }) => [digest, shortId(digest)]))
  await pushGraph({ store, repository, sources: mountSources(bases, reference), options }, target, ids)
  if (options.byDigest) return
  await repository.tag(target, reference.tag ?? 'latest', { signal: options.signal })
}

/** What was composed as an OCI layout, for `docker` with Docker's own lists beside it. */
export async function archiveComposed(
  store: Store,
  { target, images }: ComposedImage,
  names: readonly string[],
  layout: 'oci' | 'docker',
  destination: ((write: (sink: Writable) => Promise<void>) => Promise<void>) | { readonly folder: string },
  options: OpOptions,
): Promise<void> {
  const [only] = images
  const root: ArchiveRoot = {
    target,
    names,
    ...(only !== undefined && images.length === 1 && { platform: only.platform }),
    ...(layout === 'docker' && only !== undefined && { docker: only.manifest }),
  }
  if (typeof destination === 'object') return await writeLayout(store, root, destination.folder, options)
  await destination((sink) =>
    pipeline(writeTar(archiveMembers(store, [root])), sink, { signal: options.signal }),
  )
}
