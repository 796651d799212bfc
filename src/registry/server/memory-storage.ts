import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import { DatabaseStorage } from './database-storage.ts'
import { FinishedUploads } from './finished-uploads.ts'
import { RegistryDatabase } from './registry-database.ts'
import type { ByteRange, RegistryStorage, UploadChunk, UploadOwner } from './storage.ts'
import { Turns } from './turns.ts'

interface Upload {
  readonly owner: UploadOwner
  bytes: Buffer
  changed: number
}

/** A registry that lives as long as its process; `maxUploads` as in the file storage. */
export class MemoryStorage extends DatabaseStorage implements RegistryStorage {
  readonly #blobs = new Map<Digest, Buffer>()
  readonly #uploads = new Map<string, Upload>()
  readonly #finished = new FinishedUploads()
  readonly #turns = new Turns()
  readonly #maxUploads: number

  constructor({ maxUploads = 1000 }: { readonly maxUploads?: number } = {}) {
    super(new RegistryDatabase(':memory:', 'memory'))
    this.#maxUploads = maxUploads
  }

  async statBlob(repository: string, digest: Digest): Promise<number | undefined> {
    const size = this.database.blobSize(repository, digest)
    if (size !== undefined) this.freshness.touchBlob(repository, digest)
    return size
  }

  async readBlob(repository: string, digest: Digest, range?: ByteRange): Promise<Readable> {
    const bytes = this.#blobs.get(digest)
    if (bytes === undefined || this.database.blobSize(repository, digest) === undefined) {
      throw failure('BLOB_UNKNOWN', { digest, repository })
    }
    const part = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1)
    return Readable.from(part.length === 0 ? [] : [part])
  }

  async mountBlob(repository: string, digest: Digest, from: string): Promise<boolean> {
    const size = this.database.blobSize(from, digest)
    if (size !== undefined) this.#link(repository, digest, size)
    return size !== undefined
  }

  async deleteBlob(repository: string, digest: Digest): Promise<boolean> {
    const { removed, last } = this.database.unlinkBlob(repository, digest)
    if (last) this.#blobs.delete(digest)
    return removed
  }

  async openUpload(owner: UploadOwner): Promise<string> {
    if (this.#uploads.size >= this.#maxUploads) throw failure('TOO_MANY_UPLOADS', { limit: this.#maxUploads })
    this.freshness.touchRepository(owner.repository)
    const id = randomBytes(16).toString('hex')
    this.#uploads.set(id, { owner, bytes: Buffer.alloc(0), changed: performance.now() })
    return id
  }

  async uploadOffset(owner: UploadOwner, id: string): Promise<number> {
    return this.#upload(owner, id).bytes.length
  }

  async appendUpload(owner: UploadOwner, id: string, chunk: UploadChunk, body: Readable): Promise<number> {
    return this.#turns.take(id, async () => {
      const upload = this.#upload(owner, id)
      this.freshness.touchRepository(owner.repository)
      const offset = upload.bytes.length
      if (chunk.start !== undefined && chunk.start !== offset) throw failure('UPLOAD_RANGE', { offset })
      const { chunks, size, broken } = await collect(body, chunk.length)
      if (broken === undefined && chunk.length !== undefined && size !== chunk.length) {
        throw failure('SIZE_INVALID', { expected: chunk.length, found: size })
      }
      upload.bytes = Buffer.concat([upload.bytes, ...chunks])
      upload.changed = performance.now()
      if (broken !== undefined) throw broken
      return upload.bytes.length
    })
  }

  async finishUpload(owner: UploadOwner, id: string, digest: Digest): Promise<void> {
    await this.#turns.take(id, async () => {
      if (this.#finished.has(id, owner, digest)) return
      const { bytes } = this.#upload(owner, id)
      this.#uploads.delete(id)
      const found = sha256(bytes)
      if (found !== digest) throw failure('UPLOAD_DIGEST_MISMATCH', { found, expected: digest })
      this.#blobs.set(digest, bytes)
      this.#link(owner.repository, digest, bytes.length)
      this.#finished.add(id, owner, digest)
    })
  }

  async cancelUpload(owner: UploadOwner, id: string): Promise<void> {
    this.#upload(owner, id)
    this.#uploads.delete(id)
  }

  async expireUploads(idle: number): Promise<number> {
    const before = performance.now() - idle
    const stale = [...this.#uploads].filter(([, { changed }]) => changed <= before)
    for (const [id] of stale) this.#uploads.delete(id)
    return stale.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.flushPulls()
    this.database.close()
  }

  protected override async withBlob(digest: Digest, work: () => Promise<void>): Promise<void> {
    await this.#turns.take(digest, work)
  }

  protected override async removeBytes(digest: Digest): Promise<void> {
    this.#blobs.delete(digest)
  }

  protected override async *strayBytes(): AsyncGenerator<{ readonly digest: Digest; readonly size: number }> {
    for (const [digest, { length: size }] of this.#blobs) yield { digest, size }
  }

  #link(repository: string, digest: Digest, size: number): void {
    this.freshness.touchBlob(repository, digest)
    this.freshness.touchRepository(repository)
    this.database.linkBlob(repository, digest, size)
  }

  #upload({ repository, user }: UploadOwner, id: string): Upload {
    const upload = this.#uploads.get(id)
    if (upload === undefined || upload.owner.repository !== repository || upload.owner.user !== user) {
      throw failure('BLOB_UPLOAD_UNKNOWN', { id: id.slice(0, 64) })
    }
    return upload
  }
}

interface Collected {
  readonly chunks: readonly Buffer[]
  readonly size: number
  readonly broken?: unknown
}

async function collect(body: Readable, limit = Infinity): Promise<Collected> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limit) break
      chunks.push(chunk)
    }
  } catch (broken) {
    return { chunks, size, broken }
  }
  return { chunks, size }
}
