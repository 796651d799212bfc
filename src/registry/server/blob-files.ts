import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { randomBytes } from 'node:crypto'
import { digestHex } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { verifiedStream } from '../../oci/verified-stream.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { ByteRange } from './storage.ts'

/** Bytes of one read: few turns of the event loop per gigabyte, and little memory per client. */
const readSize = 256 * 1024

/** Blob bytes as files of an OCI image layout, `blobs/sha256/<hex>`. Source: OCI image-spec 1.1, image-layout.md. */
export class BlobFiles {
  readonly #folder: string
  readonly #quarantine: string
  /** Damaged blobs being put aside. */
  #pending: Promise<unknown> = Promise.resolve()

  constructor(folder: string, quarantine: string) {
    this.#folder = folder
    this.#quarantine = quarantine
  }

  async has(digest: Digest): Promise<boolean> {
    return (await stat(this.#path(digest)).catch(() => undefined)) !== undefined
  }

  /** Moves a checked and synced file in; one that is there is replaced, which heals it if it was damaged. */
  async publish(file: string, digest: Digest): Promise<void> {
    await rename(file, this.#path(digest))
    await using folder = await open(this.#folder)
    await folder.sync()
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.#path(digest), { force: true })
  }

  /** See RegistryStorage.readBlob; `onDamage` is called after the file was put aside. */
  async read(
    digest: Digest,
    size: number,
    range: ByteRange | undefined,
    onDamage: () => void,
  ): Promise<Readable | undefined> {
    const file = await open(this.#path(digest)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    })
    if (file === undefined) return undefined
    const putAside = async (): Promise<void> => {
      await this.#putAside(digest)
      onDamage()
    }
    try {
      const found = (await file.stat()).size
      if (found !== size) {
        await putAside()
        throw failure('BLOB_DAMAGED', { digest, reason: `${found} bytes instead of ${size}` })
      }
    } catch (error) {
      await file.close()
      throw error
    }
    const bytes = file.createReadStream({ highWaterMark: readSize, ...range })
    if (range !== undefined) return bytes
    const body = verifiedStream(bytes, { digest, size })
    body.once('error', (error) => {
      if (!isMilleError(error, 'BLOB_DIGEST_MISMATCH', 'BLOB_SIZE_MISMATCH')) return
      this.#pending = Promise.all([this.#pending, this.#putAsideQuietly(putAside)])
    })
    return body
  }

  /** Waits for what goes on after a read has failed. */
  async settle(): Promise<void> {
    await this.#pending
  }

  /** The reader has the error already; a blob that stays where it is is found again by the next one. */
  async #putAsideQuietly(putAside: () => Promise<void>): Promise<void> {
    try {
      await putAside()
    } catch {
      // a full or read-only disk: nothing more can be done here
    }
  }

  /** For a human to look at. */
  async #putAside(digest: Digest): Promise<void> {
    await mkdir(this.#quarantine, { recursive: true, mode: 0o700 })
    const target = join(this.#quarantine, `${digestHex(digest)}-${randomBytes(4).toString('hex')}`)
    // gone already: another reader found the damage first
    await rename(this.#path(digest), target).catch(() => {})
  }

  #path(digest: Digest): string {
    return join(this.#folder, digestHex(digest))
  }
}
