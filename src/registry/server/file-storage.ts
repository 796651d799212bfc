import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { Digest } from '../../oci/digest.ts'
import { makeFolders } from '../../util/make-folders.ts'
import { failure } from '../../util/errors.ts'
import { BlobFiles } from './blob-files.ts'
import type { Collectable } from './gc/collection.ts'
import { DatabaseStorage } from './database-storage.ts'
import { RegistryDatabase } from './registry-database.ts'
import { HandedFiles } from './handed-files.ts'
import type { ByteRange, HandOverPlace, RegistryStorage, UploadChunk, UploadOwner } from './storage.ts'
import { Turns } from './turns.ts'
import { UploadFiles } from './upload-files.ts'

export interface FileStorageOptions {
  /** Most uploads open at once; default 1,000. */
  readonly maxUploads?: number
}

/**
 * A registry in the folder `root`, which is made: `blobs/sha256/<hex>`, `uploads/`, `registry.db`.
 * Throws REGISTRY_ROOT_BUSY when another process has it open, STORE_DAMAGED for a folder of an unknown format.
 */
export function openFileStorage(
  root: string,
  options: FileStorageOptions = {},
): RegistryStorage & Collectable {
  const blobs = join(root, 'blobs', 'sha256')
  const uploads = join(root, 'uploads')
  for (const folder of [blobs, uploads]) makeFolders(folder, 0o700)
  return new FileStorage(
    // first: it keeps other processes out
    new RegistryDatabase(join(root, 'registry.db'), root),
    new BlobFiles(blobs, join(root, 'quarantine')),
    new UploadFiles(uploads, options.maxUploads ?? 1000),
    new HandedFiles(join(root, 'handover')),
  )
}

class FileStorage extends DatabaseStorage implements RegistryStorage {
  readonly #blobs: BlobFiles
  readonly #uploads: UploadFiles
  /** A blob's file and the rows about it change together. */
  readonly #turns = new Turns()

  readonly #handed: HandedFiles

  constructor(database: RegistryDatabase, blobs: BlobFiles, uploads: UploadFiles, handed: HandedFiles) {
    super(database)
    this.#blobs = blobs
    this.#uploads = uploads
    this.#handed = handed
  }

  get handOver(): HandOverPlace {
    return {
      instance: this.#handed.instance,
      finishUpload: (owner, id, digest) => nodeErrors(this.#finishHanded(owner, id, digest)),
    }
  }

  async statBlob(repository: string, digest: Digest): Promise<number | undefined> {
    const size = this.database.blobSize(repository, digest)
    if (size === undefined) return undefined
    // without a pause: who is told that it is there relies on it
    this.freshness.touchBlob(repository, digest)
    return (await this.#blobs.has(digest)) ? size : undefined
  }

  async readBlob(repository: string, digest: Digest, range?: ByteRange): Promise<Readable> {
    const size = this.database.blobSize(repository, digest)
    const onDamage = async (putAside: () => Promise<boolean>): Promise<void> =>
      this.#turns.take(digest, async () => {
        if (await putAside()) this.database.forgetBlob(digest)
      })
    const body = size === undefined ? undefined : await this.#blobs.read(digest, size, range, onDamage)
    if (body === undefined) throw failure('BLOB_UNKNOWN', { digest, repository })
    return body
  }

  async mountBlob(repository: string, digest: Digest, from: string): Promise<boolean> {
    return this.#turns.take(digest, async () => {
      const size = await this.statBlob(from, digest)
      if (size === undefined) return false
      this.#link(repository, digest, size)
      return true
    })
  }

  async deleteBlob(repository: string, digest: Digest): Promise<boolean> {
    return this.#turns.take(digest, async () => {
      const { removed, last } = this.database.unlinkBlob(repository, digest)
      if (last) await this.#blobs.remove(digest)
      return removed
    })
  }

  async openUpload(owner: UploadOwner): Promise<string> {
    this.freshness.touchRepository(owner.repository)
    return nodeErrors(this.#uploads.open(owner))
  }

  async uploadOffset(owner: UploadOwner, id: string): Promise<number> {
    return this.#uploads.offset(owner, id)
  }

  async appendUpload(owner: UploadOwner, id: string, chunk: UploadChunk, body: Readable): Promise<number> {
    this.freshness.touchRepository(owner.repository)
    return nodeErrors(this.#uploads.append(owner, id, chunk, body))
  }

  async finishUpload(owner: UploadOwner, id: string, digest: Digest): Promise<void> {
    const publish = async ({ path, size }: { path: string; size: number }): Promise<void> =>
      this.#turns.take(digest, async () => {
        await this.#blobs.publish(path, digest)
        this.#link(owner.repository, digest, size)
      })
    await nodeErrors(this.#uploads.finish(owner, id, digest, publish))
  }

  async #finishHanded(owner: UploadOwner, id: string, digest: Digest): Promise<boolean> {
    const found = await this.#handed.find(id)
    if (found === undefined) return false
    await this.#uploads.replace(owner, id, digest, () =>
      this.#turns.take(digest, async () => {
        await this.#blobs.publish(found.path, digest)
        this.#link(owner.repository, digest, found.size)
      }),
    )
    await this.#handed.remove(id)
    return true
  }

  async cancelUpload(owner: UploadOwner, id: string): Promise<void> {
    await this.#uploads.cancel(owner, id)
  }

  async expireUploads(idle: number): Promise<number> {
    return this.#uploads.expire(idle)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#blobs.settle()
    this.flushPulls()
    this.database.close()
  }

  protected override async withBlob(digest: Digest, work: () => Promise<void>): Promise<void> {
    await this.#turns.take(digest, work)
  }

  protected override async removeBytes(digest: Digest): Promise<void> {
    await this.#blobs.remove(digest)
  }

  protected override strayBytes(): AsyncIterable<{ readonly digest: Digest; readonly size: number }> {
    return this.#blobs.list()
  }

  #link(repository: string, digest: Digest, size: number): void {
    this.freshness.touchBlob(repository, digest)
    this.freshness.touchRepository(repository)
    this.database.linkBlob(repository, digest, size)
  }
}

/** A full disk has a status of its own; it must not depend on which call met it. */
async function nodeErrors<Result>(result: Promise<Result>): Promise<Result> {
  try {
    return await result
  } catch (error) {
    throw fromNodeError(error)
  }
}
