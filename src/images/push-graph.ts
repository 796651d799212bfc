import { Readable } from 'node:stream'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ManifestDocument } from '../oci/manifest.ts'
import { isIndexType, isManifestType } from '../oci/media-types.ts'
import { parseManifestDocument } from '../oci/parse-manifest.ts'
import { successors } from '../oci/successors.ts'
import type { Store } from '../store/store.ts'
import { isMilleError } from '../util/errors.ts'
import { uploadBlobs, type Upload } from './upload-blobs.ts'

/** Documents below one that is in the store, and the blobs they name. */
export interface StoredGraph {
  /** Children before parents. */
  readonly documents: readonly ManifestDocument[]
  /** Each once: layers in their order, then the config, image by image. */
  readonly blobs: readonly Descriptor[]
}

/** BLOB_NOT_FOUND when a document is not there. Only of what mille itself wrote or checked: its depth is not limited. */
export async function readGraph(store: Store, target: Descriptor): Promise<StoredGraph> {
  const documents = new Map<Digest, ManifestDocument>()
  const blobs = new Map<Digest, Descriptor>()
  const visit = async (descriptor: Descriptor): Promise<void> => {
    if (documents.has(descriptor.digest)) return
    const raw = await store.content.read(descriptor.digest)
    const document = parseManifestDocument(raw, descriptor.mediaType)
    const below = successors(document)
    for (const child of document.kind === 'manifest' ? [...below.slice(1), ...below.slice(0, 1)] : below) {
      if (isIndexType(child.mediaType) || isManifestType(child.mediaType)) await visit(child)
      else blobs.set(child.digest, child)
    }
    documents.set(descriptor.digest, document)
  }
  await visit(target)
  return { documents: [...documents.values()], blobs: [...blobs.values()] }
}

/**
 * Everything that `target` names to a repository, and `target` itself last, without a tag: nobody ever finds a document
 * there whose parts are missing. `ids` names blobs in progress.
 */
export async function pushGraph(
  upload: Upload,
  target: Descriptor,
  ids: ReadonlyMap<Digest, string>,
): Promise<void> {
  const { store, repository, options } = upload
  const { documents, blobs } = await readGraph(store, target)
  await uploadBlobs(upload, blobs, ids, 'missing')
  const pushDocument = ({ descriptor, raw }: ManifestDocument): Promise<void> =>
    repository.push(descriptor, Readable.from([raw]), { signal: options.signal })
  for (const document of documents) {
    await pushDocument(document).catch(async (error: unknown) => {
      if (!isMilleError(error, 'REGISTRY_BLOB_UNKNOWN')) throw error
      // the registry claimed to have or to have mounted a blob, and does not (B-PS-5): it gets all of them, once
      await uploadBlobs(upload, blobs, ids, 'all')
      await pushDocument(document)
    })
  }
}
