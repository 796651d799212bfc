import { Readable } from 'node:stream'
import type { ContentTarget } from '../../oci/content.ts'
import { copyGraph } from '../../oci/copy-graph.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isIndexType, isManifestType } from '../../oci/media-types.ts'
import { parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Repository } from '../../registry/repository.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { OpenRepository } from '../repositories.ts'
import type { CombinedImage, Source } from './manifests.ts'

/** Brings an index to each target: first all it names, then itself, then its tag. */
export async function publishCombined(
  open: OpenRepository,
  { descriptor, raw, sources }: CombinedImage,
  targets: readonly string[],
  options: OpOptions = {},
): Promise<void> {
  for (const target of targets) {
    const reference = withDefaultTag(parseReference(target))
    const repository = await open(reference)
    for (const source of sources) await copySource(open, source, repository, options)
    await repository.push(descriptor, Readable.from([raw]), { signal: options.signal })
    if (reference.tag !== undefined)
      await repository.tag(descriptor, reference.tag, { signal: options.signal })
  }
}

/** A manifest with its blobs from one repository to another; within a registry nothing is sent through this machine. */
export async function copySource(
  open: OpenRepository,
  { reference, descriptor }: Source,
  target: Repository,
  options: OpOptions,
): Promise<void> {
  const from = parseReference(reference)
  const source = await open(from)
  const { registry, repository } = target.reference
  if (from.registry === registry && from.repository === repository) return
  options.onProgress?.({
    status: `copying ${descriptor.digest} from ${reference} to ${registry}/${repository}`,
  })
  const to = from.registry === registry ? mounting(target, from.repository, options) : target
  await copyGraph(source, to, descriptor, { signal: options.signal })
}

/** Asked whether it has a blob, the target first tries to take it over from the other repository (D12). */
export function mounting(target: Repository, from: string, { signal }: OpOptions): ContentTarget {
  const isDocument = ({ mediaType }: Descriptor): boolean =>
    isIndexType(mediaType) || isManifestType(mediaType)
  return {
    fetch: (descriptor, options) => target.fetch(descriptor, options),
    push: (descriptor, body, options) => target.push(descriptor, body, options),
    exists: async (descriptor) =>
      (await target.exists(descriptor, { signal })) ||
      (!isDocument(descriptor) && (await target.mount(descriptor, from, { signal }))),
  }
}
