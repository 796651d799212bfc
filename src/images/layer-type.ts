import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mediaTypes } from '../oci/media-types.ts'
import type { BlobInfo, Store } from '../store/store.ts'

/** The media type of a layer of which only the bytes are known: Docker's archives do not say how it is compressed. */
export async function layerTypeOf(store: Store, blob: BlobInfo): Promise<string> {
  const stream = createReadStream(store.content.path(blob.digest), { end: 3 })
  const head = Buffer.alloc(4)
  stream.on('data', (chunk: string | Buffer) => void (chunk as Buffer).copy(head))
  await once(stream, 'close')
  if (head.readUInt16BE(0) === 0x1f8b) return mediaTypes.ociLayerGzip
  return head.readUInt32LE(0) === 0xfd2fb528 ? mediaTypes.ociLayerZstd : mediaTypes.ociLayer
}
