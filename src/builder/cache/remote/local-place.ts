import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { canonicalJson } from '../../../oci/canonical-json.ts'
import type { Descriptor } from '../../../oci/descriptor.ts'
import { digestHex } from '../../../oci/digest.ts'
import { documentLimit } from '../../../oci/document-fields.ts'
import { isIndexType, mediaTypes } from '../../../oci/media-types.ts'
import { parseManifestDocument } from '../../../oci/parse-manifest.ts'
import { verifiedStream } from '../../../oci/verified-stream.ts'
import { failure } from '../../../util/errors.ts'
import { makeFolders } from '../../../util/make-folders.ts'
import { replaceFile } from '../../../util/replace-file.ts'
import type { CacheAddress, CachePlace, FoundManifest } from './cache-place.ts'

const refName = 'org.opencontainers.image.ref.name'
/** Records of many builds are long, but they are held in memory. */
export const cacheConfigLimit: number = 64 * 1024 * 1024

/** An OCI layout in a folder; each tag is a cache of its own. Source: OCI image-spec 1.1, image-layout.md. */
export function localPlace({ path, tag, digest }: Extract<CacheAddress, { type: 'local' }>): CachePlace {
  const blobPath = (blob: Descriptor): string => join(path, 'blobs/sha256', digestHex(blob.digest))
  const fetch: CachePlace['fetch'] = async (blob, { signal }) => {
    const info = await stat(blobPath(blob)).catch(() => undefined)
    if (info === undefined) throw failure('BLOB_NOT_FOUND', { digest: blob.digest })
    return verifiedStream(createReadStream(blobPath(blob), { signal }), blob)
  }
  const small = async (blob: Descriptor, limit: number): Promise<Buffer> => {
    if (blob.size > limit) throw failure('BLOB_TOO_LARGE', { digest: blob.digest, size: blob.size, limit })
    return await buffer(await fetch(blob, {}))
  }
  return {
    name: path,
    fetch,
    async read() {
      const entries = await readIndex(path)
      const named = entries.find((entry) =>
        digest === undefined ? entry.annotations?.[refName] === tag : entry.digest === digest,
      )
      if (named === undefined) return []
      const documents = [parseManifestDocument(await small(named, documentLimit), named.mediaType)]
      for (const document of documents) {
        if (document.kind !== 'index') continue
        for (const entry of document.index.manifests)
          if (!isIndexType(entry.mediaType))
            documents.push(parseManifestDocument(await small(entry, documentLimit), entry.mediaType))
      }
      const found: FoundManifest[] = []
      for (const document of documents) {
        if (document.kind !== 'manifest') continue
        const { config, layers } = document.manifest
        found.push({ config, layers, document: await small(config, cacheConfigLimit) })
      }
      return found
    },
    async has(blob) {
      return (await stat(blobPath(blob)).catch(() => undefined))?.size === blob.size
    },
    async write(blob, body, { signal }) {
      makeFolders(join(path, 'blobs/sha256'))
      await replaceFile(blobPath(blob), (temporary) =>
        pipeline(verifiedStream(body, blob), createWriteStream(temporary), { signal }),
      )
    },
    async publish(manifest, raw) {
      await replaceFile(blobPath(manifest), (temporary) => writeFile(temporary, raw))
      const layout = canonicalJson({ imageLayoutVersion: '1.0.0' })
      await replaceFile(join(path, 'oci-layout'), (temporary) => writeFile(temporary, layout))
      const others = (await readIndex(path)).filter(({ annotations }) => annotations?.[refName] !== tag)
      const manifests = [...others, { ...manifest, annotations: { [refName]: tag } }]
      const index = canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
      await replaceFile(join(path, 'index.json'), (temporary) => writeFile(temporary, index))
    },
  }
}

/** Empty when there is no layout yet. */
async function readIndex(path: string): Promise<readonly Descriptor[]> {
  const raw = await readFile(join(path, 'index.json')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (raw === undefined) return []
  const document = parseManifestDocument(raw, mediaTypes.ociIndex)
  return document.kind === 'index' ? document.index.manifests : []
}
