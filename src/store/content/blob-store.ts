import { createReadStream, lstatSync } from 'node:fs'
import { open, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { digestHex, isDigest, parseDigest, sha256 } from '../../oci/digest.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { Locks } from '../locks.ts'
import type { IngestLedger } from '../metadata/ingest-ledger.ts'
import type { BlobWriter } from '../blob-writer.ts'
import type { BlobInfo, BlobStore, IngestOptions, Lease } from '../store.ts'
import type { BlobFolders } from './blob-folders.ts'
import { blobPath, moveAside } from './blob-folders.ts'
import { openBlobWriter } from './blob-writer.ts'
import { ingestBytes, ingestStream } from './ingest.ts'
import type { OpenBlob } from './open-blob.ts'
import { openBlob, quarantine, readBlob } from './open-blob.ts'
import type { ContentLedger } from './publish.ts'
import { publishBlob } from './publish.ts'
import { temporaryPath } from './temporary-files.ts'

export interface BlobStoreParts {
  readonly folders: BlobFolders
  readonly ledger: ContentLedger
  readonly ingests: IngestLedger
  readonly locks: Locks
}

/** Blobs as files of an OCI image layout. Source: OCI image-spec 1.1, image-layout.md. */
export class FileBlobStore implements BlobStore {
  readonly #parts: BlobStoreParts

  constructor(parts: BlobStoreParts) {
    this.#parts = parts
  }

  exists(target: Descriptor): Promise<boolean> {
    return Promise.resolve(this.#find(target.digest)?.size === target.size)
  }

  stat(digest: Digest): Promise<BlobInfo | undefined> {
    return Promise.resolve(this.#find(digest))
  }

  async fetch(target: Descriptor, options: OpOptions = {}): Promise<Readable> {
    // with it come Node's streams, 2 ms: most commands read no blob this way
    const { BlobReader } = await import('./blob-reader.ts')
    const { folders } = this.#parts
    const digest = parseDigest(target.digest)
    const blob = openBlob(folders, digest)
    if (blob.size !== target.size) throw await this.#explainSize(blob, target)
    const onDamage = (found: string): Error => quarantine(folders, digest, `expected ${digest}, got ${found}`)
    return new BlobReader(blob, { digest, onDamage, signal: options.signal })
  }

  /** Async so that every failure is a rejection. */
  async read(digest: Digest, limit: number = documentLimit): Promise<Buffer> {
    return readBlob(this.#parts.folders, parseDigest(digest), limit)
  }

  path(digest: Digest): string {
    return blobPath(this.#parts.folders, parseDigest(digest))
  }

  async push(expected: Descriptor, body: Readable, options: IngestOptions = {}): Promise<void> {
    options.lease?.hold({ kind: 'blob', digest: parseDigest(expected.digest) })
    if (await this.exists(expected)) {
      body.destroy()
      return
    }
    await this.ingest(body, { ...options, expected })
  }

  ingest(body: Readable | Uint8Array, options: IngestOptions = {}): Promise<BlobInfo> {
    const { folders, ledger } = this.#parts
    return body instanceof Readable
      ? ingestStream(folders, ledger, body, options)
      : ingestBytes(folders, ledger, body, options)
  }

  async openWriter(key: string, options: OpOptions & { readonly size?: number } = {}): Promise<BlobWriter> {
    const { folders, ledger, ingests, locks } = this.#parts
    const name = ingestName(key)
    const lock = await locks.acquire(name, { signal: options.signal })
    return openBlobWriter({ folders, ledger, ingests, lock, path: join(folders.ingest, name) }, options.size)
  }

  forgetDownload(digest: Digest): void {
    this.#parts.ingests.forget(digest)
  }

  temporaryPath(): string {
    return temporaryPath(this.#parts.folders.ingest)
  }

  async adopt(path: string, info: BlobInfo, lease?: Lease): Promise<void> {
    const { folders, ledger } = this.#parts
    parseDigest(info.digest)
    const sync = async (): Promise<void> => {
      await using file = await open(path, 'r')
      await file.datasync()
    }
    try {
      await publishBlob(folders, ledger, path, info, lease, sync)
    } catch (error) {
      throw fromNodeError(error, path)
    }
  }

  async *list(): AsyncIterable<BlobInfo> {
    for await (const entry of await opendir(this.#parts.folders.blobs)) {
      const digest = `sha256:${entry.name}`
      if (!isDigest(digest)) continue
      const info = this.#find(digest)
      if (info !== undefined) yield info
    }
  }

  async delete(digest: Digest): Promise<void> {
    const { folders } = this.#parts
    moveAside(blobPath(folders, parseDigest(digest)), folders.trash, digestHex(digest))
  }

  #find(digest: Digest): BlobInfo | undefined {
    const status = lstatSync(blobPath(this.#parts.folders, parseDigest(digest)), { throwIfNoEntry: false })
    return status?.isFile() === true ? { digest, size: status.size } : undefined
  }

  /** Is the file cut short, or does the asker's descriptor lie? A lie must not get a good blob thrown away. */
  async #explainSize(blob: OpenBlob, target: Descriptor): Promise<Error> {
    const hash = createHash('sha256')
    await pipeline(createReadStream('', { fd: blob.descriptor }), hash)
    const found = `sha256:${hash.digest('hex')}`
    if (found === target.digest) {
      return failure('BLOB_SIZE_MISMATCH', { digest: found, expected: target.size, found: blob.size })
    }
    return quarantine(this.#parts.folders, target.digest, `expected ${target.digest}, got ${found}`)
  }
}

/** Name of the unfinished download of `key`, and of its lock. */
function ingestName(key: string): string {
  return `key-${digestHex(sha256(key))}`
}

/** Is the file of that name in the ingest folder an unfinished download that may be gone on with? */
export function isPartial(name: string): boolean {
  return name.startsWith('key-')
}
