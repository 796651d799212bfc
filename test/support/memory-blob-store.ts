import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ContentTarget, Tagger } from '../../src/oci/content.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { verifiedStream } from '../../src/oci/verified-stream.ts'
import { failure } from '../../src/util/errors.ts'

/** A content store in memory, with what happened to it. */
export interface MemoryBlobStore extends ContentTarget, Tagger {
  readonly blobs: Map<Digest, Buffer>
  readonly tags: Map<string, Descriptor>
  /** Digests in the order in which they were pushed and fetched. */
  readonly pushed: Digest[]
  readonly fetched: Digest[]
}

export function memoryBlobStore(): MemoryBlobStore {
  const blobs = new Map<Digest, Buffer>()
  const tags = new Map<string, Descriptor>()
  const pushed: Digest[] = []
  const fetched: Digest[] = []
  const get = (digest: Digest): Buffer => {
    const bytes = blobs.get(digest)
    if (!bytes) throw failure('BLOB_NOT_FOUND', { digest })
    return bytes
  }
  return {
    blobs,
    tags,
    pushed,
    fetched,
    async fetch(target) {
      const bytes = get(target.digest)
      fetched.push(target.digest)
      return verifiedStream(Readable.from(chunks(bytes)), target)
    },
    async exists({ digest }) {
      return blobs.has(digest)
    },
    async push(expected, body, options) {
      const bytes = await buffer(verifiedStream(body, expected))
      options?.signal?.throwIfAborted()
      blobs.set(expected.digest, bytes)
      pushed.push(expected.digest)
      options?.onProgress?.({ status: 'Copying', current: bytes.length })
    },
    async resolve(name) {
      const found = tags.get(name)
      if (!found) throw failure('NO_SUCH_IMAGE', { reference: name })
      return found
    },
    async tag(target, name) {
      get(target.digest)
      tags.set(name, target)
    },
  }
}

/** In several pieces, as real streams come. */
function* chunks(bytes: Buffer, size = 1000): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
