import type { Digest } from '../../oci/digest.ts'
import type { Readable } from 'node:stream'
import { isMilleError } from '../../util/errors.ts'
import type { Collectable, CollectOptions, CollectReport, DamagedBlob, ScrubReport } from './gc/collection.ts'
import type { CollectionTables } from './gc/collection-tables.ts'
import { Collector } from './gc/collector.ts'
import { Freshness } from './gc/freshness.ts'
import { PullTimes } from './gc/pull-times.ts'
import type { RegistryDatabase } from './registry-database.ts'
import type { NewManifest, Page, Referrers, ReferrersPage, StoredManifest } from './storage.ts'

/** The part of a storage that is the same wherever blobs lie: manifests, tags and names are rows of the database. */
export abstract class DatabaseStorage implements Collectable {
  protected readonly database: RegistryDatabase
  /** What pushes under way need. */
  protected readonly freshness: Freshness = new Freshness()
  readonly #tables: CollectionTables
  readonly #pulls: PullTimes

  constructor(database: RegistryDatabase) {
    this.database = database
    this.#tables = database.collectionTables()
    this.#pulls = new PullTimes((pulls) => this.#tables.notePulls(pulls))
  }

  abstract readBlob(repository: string, digest: Digest): Promise<Readable>
  /** Runs `work` while nothing else changes that blob. */
  protected abstract withBlob(digest: Digest, work: () => Promise<void>): Promise<void>
  protected abstract removeBytes(digest: Digest): Promise<void>
  /** Bytes that no repository holds, left by a process that was killed. */
  protected abstract strayBytes(): AsyncIterable<{ readonly digest: Digest; readonly size: number }>

  async findManifest(repository: string, tagOrDigest: string): Promise<StoredManifest | undefined> {
    const found = this.database.findManifest(repository, tagOrDigest)
    if (found === undefined) return undefined
    this.#pulls.note(repository, tagOrDigest)
    if (tagOrDigest !== found.digest) this.#pulls.note(repository, found.digest)
    return found
  }

  async putManifest(repository: string, manifest: NewManifest): Promise<void> {
    this.database.putManifest(repository, manifest)
  }

  async deleteManifest(repository: string, digest: Digest): Promise<boolean> {
    return this.database.deleteManifest(repository, digest)
  }

  async deleteTag(repository: string, tag: string): Promise<boolean> {
    return this.database.deleteTag(repository, tag)
  }

  async listTags(repository: string, page: Page): Promise<readonly string[] | undefined> {
    return this.database.listTags(repository, page)
  }

  async listRepositories(page: Page): Promise<readonly string[]> {
    return this.database.listRepositories(page)
  }

  async listReferrers(repository: string, subject: Digest, page: ReferrersPage): Promise<Referrers> {
    return this.database.listReferrers(repository, subject, page)
  }

  async collect(options: CollectOptions): Promise<CollectReport> {
    this.#pulls.flush()
    const parts = {
      database: this.database,
      tables: this.#tables,
      freshness: this.freshness,
      withBlob: (digest: Digest, work: () => Promise<void>) => this.withBlob(digest, work),
      removeBytes: (digest: Digest) => this.removeBytes(digest),
    }
    const report = await new Collector(parts, options).run()
    return { ...report, freed: report.freed + (await this.#collectStray(options.dryRun)) }
  }

  async scrub(): Promise<ScrubReport> {
    const damaged: DamagedBlob[] = []
    let bytes = 0
    const blobs = this.#tables.blobs()
    for (const { digest, size, repository } of blobs) {
      const reason = await this.#damageOf(repository, digest)
      bytes += size
      if (reason === undefined) continue
      damaged.push({ digest, reason, needed: this.#tables.neededBy(digest) })
      // reading has put it aside, unless there was nothing to read
      await this.withBlob(digest, async () => {
        if ((await this.#damageOf(repository, digest)) !== undefined) this.database.forgetBlob(digest)
      })
    }
    return { blobs: blobs.length, bytes, damaged }
  }

  /** Pulls that were noted are written; for who closes the database. */
  protected flushPulls(): void {
    this.#pulls.flush()
  }

  /** Undefined when it is whole, or deleted meanwhile. */
  async #damageOf(repository: string, digest: Digest): Promise<string | undefined> {
    if (this.database.blobSize(repository, digest) === undefined) return undefined
    try {
      const body = await this.readBlob(repository, digest)
      for await (const _ of body);
      return undefined
    } catch (error) {
      if (isMilleError(error, 'BLOB_UNKNOWN')) return 'its bytes are missing'
      if (isMilleError(error, 'BLOB_DAMAGED', 'BLOB_DIGEST_MISMATCH', 'BLOB_SIZE_MISMATCH'))
        return error.message
      throw error
    }
  }

  async #collectStray(dryRun: boolean): Promise<number> {
    let freed = 0
    for await (const { digest, size } of this.strayBytes()) {
      await this.withBlob(digest, async () => {
        if (this.#tables.isHeld(digest)) return
        if (!dryRun) await this.removeBytes(digest)
        freed += size
      })
    }
    return freed
  }
}
