import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { CachePlace, FoundManifest, OpenCachePlace } from '../builder/cache/remote/cache-place.ts'
import { cacheConfigLimit } from '../builder/cache/remote/local-place.ts'
import type { OpenRepository } from '../images/repositories.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { documentLimit } from '../oci/document-fields.ts'
import { isIndexType } from '../oci/media-types.ts'
import { parseManifestDocument } from '../oci/parse-manifest.ts'
import { familiarReference, parseReference, tagOrDigest, withDefaultTag } from '../oci/reference.ts'
import type { Repository } from '../registry/repository.ts'
import { failure, isMilleError } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'

/** Images of an index that are asked for inline records. */
const maxImages = 64

/** Build caches in registries and in stores of objects; what speaks to the latter is loaded when one is asked for. */
export function createCachePlaces(openRepository: OpenRepository): OpenCachePlace {
  return async (address) => {
    if (address.type === 'registry') return await registryPlace(openRepository, address.ref)
    const { s3Place, actionsPlace } = await import('./object-place.ts')
    return address.type === 's3' ? s3Place(address) : actionsPlace(address)
  }
}

/** A tag whose manifest has the records, or an image that has them inline. */
async function registryPlace(openRepository: OpenRepository, ref: string): Promise<CachePlace> {
  const reference = withDefaultTag(parseReference(ref))
  const repository = await openRepository(reference)
  const name = tagOrDigest(reference)
  return {
    name: familiarReference(reference),
    read: (options) => readManifests(repository, name, options),
    has: (blob) => repository.exists(blob),
    fetch: (blob, options) => repository.fetch(blob, options),
    write: (blob, body, options) => repository.push(blob, body, options),
    async publish(manifest, raw, { signal }) {
      await repository.push(manifest, Readable.from([raw]), { signal })
      await repository.tag(manifest, name, { signal })
    },
  }
}

async function readManifests(
  repository: Repository,
  name: string,
  options: OpOptions,
): Promise<readonly FoundManifest[]> {
  const found: FoundManifest[] = []
  const visit = async (descriptor: Descriptor): Promise<void> => {
    const raw = await readSmall(repository, descriptor, documentLimit, options)
    const document = parseManifestDocument(raw, descriptor.mediaType)
    if (document.kind === 'index') {
      const images = document.index.manifests.filter(
        ({ platform, mediaType }) => platform?.os !== 'unknown' && !isIndexType(mediaType),
      )
      for (const image of images.slice(0, maxImages)) await visit(image)
      return
    }
    const { config, layers } = document.manifest
    found.push({ config, layers, document: await readSmall(repository, config, cacheConfigLimit, options) })
  }
  try {
    await visit(await repository.resolve(name, options))
  } catch (error) {
    // nothing was exported there yet
    if (!isMilleError(error, 'MANIFEST_UNKNOWN')) throw error
  }
  return found
}

async function readSmall(
  repository: Repository,
  descriptor: Descriptor,
  limit: number,
  options: OpOptions,
): Promise<Buffer> {
  if (descriptor.size > limit)
    throw failure('BLOB_TOO_LARGE', { digest: descriptor.digest, size: descriptor.size, limit })
  return await buffer(await repository.fetch(descriptor, options))
}
