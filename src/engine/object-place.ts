import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type {
  ActionsAddress,
  CachePlace,
  FoundManifest,
  S3Address,
} from '../builder/cache/remote/cache-place.ts'
import { cacheConfigLimit } from '../builder/cache/remote/local-place.ts'
import { shownAddress } from '../builder/cache/remote/use-caches.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestHex } from '../oci/digest.ts'
import { documentLimit } from '../oci/document-fields.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { parseManifestDocument } from '../oci/parse-manifest.ts'
import { verifiedStream } from '../oci/verified-stream.ts'
import { ActionsCache } from '../registry/objects/actions-cache.ts'
import type { ObjectStore } from '../registry/objects/object-store.ts'
import { S3Store } from '../registry/objects/s3-store.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'

/** How a store of objects keeps caches. */
interface Keeping {
  readonly name: string
  readonly objects: ObjectStore
  readonly blobKey: (blob: Descriptor) => string
  /** The manifest that was published last under the place's name. */
  readonly findManifest: (options: OpOptions) => Promise<Readable | undefined>
  /** Where a manifest goes that is published now. */
  readonly manifestKeys: (manifest: Descriptor) => readonly string[]
}

/** A bucket: manifests stand under their names and are replaced. */
export function s3Place(address: S3Address): CachePlace {
  const { prefix, blobsPrefix, manifestsPrefix, names } = address
  const name = shownAddress(address)
  const objects = new S3Store({ ...address, place: name })
  // beside what BuildKit keeps under that name, which is of another form
  const keys = names.map((one) => `${prefix}${manifestsPrefix}${one}.mille`)
  return openPlace({
    name,
    objects,
    blobKey: ({ digest }) => `${prefix}${blobsPrefix}${digest}`,
    findManifest: async (options) => {
      for (const key of keys) {
        const found = await objects.get(key, options)
        if (found !== undefined) return found
      }
      return undefined
    },
    manifestKeys: () => keys,
  })
}

/** GitHub's cache: nothing is ever replaced there, so each manifest has a name of its own and the newest one counts. */
export function actionsPlace(address: ActionsAddress): CachePlace {
  const name = shownAddress(address)
  const objects = new ActionsCache({ ...address, place: name })
  const index = `mille-index-${address.scope}#`
  return openPlace({
    name,
    objects,
    blobKey: ({ digest }) => `mille-blob-${digest}`,
    findManifest: (options) => objects.newest(index, options),
    manifestKeys: ({ digest }) => [`${index}${Date.now()}-${digestHex(digest).slice(0, 12)}`],
  })
}

function openPlace({ name, objects, blobKey, findManifest, manifestKeys }: Keeping): CachePlace {
  const fetch: CachePlace['fetch'] = async (blob, options) => {
    const found = await objects.get(blobKey(blob), options)
    if (found === undefined) throw failure('BLOB_NOT_FOUND', { digest: blob.digest })
    return verifiedStream(found, blob, { origin: name })
  }
  const put = async (key: string, blob: Descriptor, body: Readable, options: OpOptions): Promise<void> =>
    objects.put(key, body, { size: blob.size, sha256: digestHex(blob.digest) }, options)
  return {
    name,
    fetch,
    has: (blob) => objects.has(blobKey(blob)),
    write: (blob, body, options) => put(blobKey(blob), blob, body, options),
    async read(options) {
      const raw = await findManifest(options)
      if (raw === undefined) return []
      const document = parseManifestDocument(await readAtMost(raw, documentLimit), mediaTypes.ociManifest)
      if (document.kind !== 'manifest') return []
      const { config, layers } = document.manifest
      if (config.size > cacheConfigLimit)
        throw failure('BLOB_TOO_LARGE', { digest: config.digest, size: config.size, limit: cacheConfigLimit })
      const found: FoundManifest = { config, layers, document: await buffer(await fetch(config, options)) }
      return [found]
    },
    async publish(manifest, raw, options) {
      for (const key of manifestKeys(manifest)) await put(key, manifest, Readable.from([raw]), options)
    },
  }
}

/** What comes under a name has no digest to be held against: it may not be endless. */
async function readAtMost(body: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) throw failure('CACHE_INVALID', { reason: `its manifest is larger than ${limit} bytes` })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
