import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mediaTypes } from '../oci/media-types.ts'
import type { BlobInfo, Store } from '../store/store.ts'
import { sniffCompression, sniffLength } from '../util/compression.ts'

/** The media type of a layer of which only the bytes are known: Docker's archives do not say how it is compressed. */
export async function layerTypeOf(store: Store, blob: BlobInfo): Promise<string> {
  const stream = createReadStream(store.content.path(blob.digest), { end: sniffLength - 1 })
  const head = Buffer.alloc(sniffLength)
  stream.on('data', (chunk: string | Buffer) => void (chunk as Buffer).copy(head))
  await once(stream, 'close')
  const format = sniffCompression(head)
  if (format === 'gzip') return mediaTypes.ociLayerGzip
  return format === 'zstd' ? mediaTypes.ociLayerZstd : mediaTypes.ociLayer
}
