import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { randomBytes } from 'node:crypto'
import { digestHex, isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { verifiedStream } from '../../oci/verified-stream.ts'
import { failure } from '../../util/errors.ts'
import type { ByteRange } from './storage.ts'

/** Bytes of one read: few turns of the event loop per gigabyte, and little memory per client. */
const readSize = 1024 * 1024

/** For so long a blob that was found whole is sent without hashing it again, as long as its file does not change, ms. */
const trustedFor = 10 * 60 * 1000
const maxTrusted = 10_000

/** Blob bytes as files of an OCI image layout, `blobs/sha256/<hex>`. Source: OCI image-spec 1.1, image-layout.md. */
export class BlobFiles {
  readonly #folder: string
  readonly #quarantine: string
  /** Blobs that were read whole, with their files as they were then. */
  readonly #trusted = new Map<Digest, { readonly stamp: string; readonly since: number }>()
  /** Ends when no damaged blob is being put aside. */
  #pending: Promise<unknown> = Promise.resolve()

  constructor(folder: string, quarantine: string) {
    this.#folder = folder
    this.#quarantine = quarantine
  }

  async has(digest: Digest): Promise<boolean> {
    return (await stat(this.#path(digest)).catch(() => undefined)) !== undefined
  }

  /** All files that have a digest's name. */
  async *list(): AsyncGenerator<{ readonly digest: Digest; readonly size: number }> {
    for await (const { name } of await opendir(this.#folder)) {
      const digest = `sha256:${name}`
      const found = isDigest(digest) ? await stat(this.#path(digest)).catch(() => undefined) : undefined
      if (isDigest(digest) && found !== undefined) yield { digest, size: found.size }
    }
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

  /**
   * See RegistryStorage.readBlob; undefined when there is no file. `onDamage` is given what puts the file aside, false
   * when a new one took its place meanwhile.
   */
  async read(
    digest: Digest,
    size: number,
    range: ByteRange | undefined,
    onDamage: (putAside: () => Promise<boolean>) => Promise<void>,
  ): Promise<Readable | undefined> {
    const file = await open(this.#path(digest)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    })
    if (file === undefined) return undefined
    const report = async (inode: number): Promise<void> => onDamage(() => this.#putAside(digest, inode))
    let inode: number
    let stamp: string
    try {
      const found = await file.stat()
      inode = found.ino
      stamp = `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
      if (found.size !== size) {
        await report(inode)
        throw failure('BLOB_DAMAGED', { digest, reason: `${found.size} bytes instead of ${size}` })
      }
    } catch (error) {
      await file.close()
      throw error
    }
    const bytes = file.createReadStream({ highWaterMark: readSize, ...range })
    if (range !== undefined || this.#isTrusted(digest, stamp)) return bytes
    // before the reader learns of it: who asks again must not be given the same bytes once more
    const onMismatch = async (): Promise<void> => this.#finish(report(inode))
    const checked = verifiedStream(bytes, { digest, size }, { onMismatch })
    return checked.once('end', () => this.#trust(digest, stamp))
  }

  #isTrusted(digest: Digest, stamp: string): boolean {
    const known = this.#trusted.get(digest)
    return known?.stamp === stamp && performance.now() - known.since < trustedFor
  }

  #trust(digest: Digest, stamp: string): void {
    if (this.#trusted.size >= maxTrusted) this.#trusted.clear()
    this.#trusted.set(digest, { stamp, since: performance.now() })
  }

  /** Waits for what goes on after a read has failed. */
  async settle(): Promise<void> {
    await this.#pending
  }

  /** Never fails: the reader is told of the damage, and a blob that stays where it is is found again by the next one. */
  async #finish(work: Promise<void>): Promise<void> {
    const done = Promise.allSettled([this.#pending, work])
    this.#pending = done
    await done
  }

  /** For a human to look at. */
  async #putAside(digest: Digest, inode: number): Promise<boolean> {
    const path = this.#path(digest)
    if ((await stat(path).catch(() => undefined))?.ino !== inode) return false
    await mkdir(this.#quarantine, { recursive: true, mode: 0o700 })
    await rename(path, join(this.#quarantine, `${digestHex(digest)}-${randomBytes(4).toString('hex')}`))
    return true
  }

  #path(digest: Digest): string {
    return join(this.#folder, digestHex(digest))
  }
}
