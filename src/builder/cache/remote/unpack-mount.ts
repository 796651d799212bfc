import type { Descriptor } from '../../../oci/descriptor.ts'
import { compressionOf } from '../../../oci/media-types.ts'
import { extractTar } from '../../../store/tree/extract-tar.ts'
import { decompress } from '../../../util/decompress.ts'
import { failure } from '../../../util/errors.ts'
import type { CachePlace } from './cache-place.ts'

export interface OriginOfMount {
  readonly place: CachePlace
  readonly blob: Descriptor
  /** Most bytes that its files may have. */
  readonly maxBytes: number
}

/**
 * Fills the empty `folder` with a cache mount of another machine. Its bytes are verified, its members cannot leave the
 * folder, devices are refused. After a failure whatever lies in the folder is good for nothing. Errors: BLOB_*, LAYER_*,
 * COMPRESSION_*, those of the place.
 */
export async function unpackMount(
  { place, blob, maxBytes }: OriginOfMount,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { digest, size } = blob
  if (size > maxBytes) throw failure('BLOB_TOO_LARGE', { digest, size, limit: maxBytes })
  const format = compressionOf(blob.mediaType) ?? 'none'
  const body = await place.fetch(blob, { signal })
  const tar = decompress(body as AsyncIterable<Buffer>, { format, maxBytes, signal })
  await extractTar(tar, folder, '/', { copyOwner: true, withTop: true, refuseDevices: true })
}
