import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseDigest } from '../../../oci/digest.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RegistryDatabase } from '../registry-database.ts'
import type { CollectOptions, CollectReport, RetentionRule } from './collection.ts'
import type { CollectionTables, StoredTag } from './collection-tables.ts'
import type { Freshness } from './freshness.ts'
import { expiredTags, ruleFor, unneededManifests } from './retention.ts'

export interface CollectorParts {
  readonly database: RegistryDatabase
  readonly tables: CollectionTables
  readonly freshness: Freshness
  /** Runs `work` while nothing else changes that blob. */
  readonly withBlob: (digest: Digest, work: () => Promise<void>) => Promise<void>
  /** Bytes that no repository holds any more. */
  readonly removeBytes: (digest: Digest) => Promise<void>
}

/** One collection: repository by repository, with the event loop free in between. */
export class Collector {
  readonly #parts: CollectorParts
  readonly #options: CollectOptions
  readonly #now = Date.now()
  readonly #tags: CollectReport['tags'][number][] = []
  readonly #manifests: CollectReport['manifests'][number][] = []
  readonly #blobs: CollectReport['blobs'][number][] = []
  /** How many repositories have given up a blob. */
  readonly #givenUp = new Map<Digest, number>()
  #freed = 0
  #kept = 0

  constructor(parts: CollectorParts, options: CollectOptions) {
    this.#parts = parts
    this.#options = options
  }

  async run(): Promise<CollectReport> {
    for (const repository of this.#parts.tables.repositories()) {
      await nextTurn()
      const rule = ruleFor(this.#options.retention, repository)
      const gone = rule === undefined ? new Set<string>() : this.#retain(repository, rule)
      await this.#collectBlobs(repository, gone)
    }
    this.#parts.freshness.prune(this.#options.grace)
    return {
      dryRun: this.#options.dryRun,
      tags: this.#tags,
      manifests: this.#manifests,
      blobs: this.#blobs,
      freed: this.#freed,
      kept: this.#kept,
    }
  }

  /** Without a pause from looking to deleting: no push and no pull comes between. Returns the manifests that went. */
  #retain(repository: string, rule: RetentionRule): ReadonlySet<string> {
    const { database, tables } = this.#parts
    const tags = tables.tags(repository)
    const expired = new Set<StoredTag>(expiredTags(rule, tags, this.#now))
    for (const { tag, digest } of expired) {
      this.#tags.push({ repository, tag, digest })
      if (!this.#options.dryRun) database.deleteTag(repository, tag)
    }
    if (rule.untagged === undefined) return new Set()
    const tagged = new Set<string>(tags.filter((tag) => !expired.has(tag)).map(({ digest }) => digest))
    const nodes = tables.manifests(repository, (digest) => tagged.has(digest))
    const unneeded = unneededManifests(nodes, this.#now - rule.untagged)
    for (const text of unneeded) {
      const digest = parseDigest(text)
      this.#manifests.push({ repository, digest })
      if (!this.#options.dryRun) database.deleteManifest(repository, digest)
    }
    return new Set(unneeded)
  }

  async #collectBlobs(repository: string, gone: ReadonlySet<string>): Promise<void> {
    const { database, tables, freshness, withBlob, removeBytes } = this.#parts
    const { grace, dryRun } = this.#options
    for (const { digest, size, pushed, holders } of tables.unneededBlobs(repository, gone)) {
      const isFresh = (): boolean => freshness.isFresh(repository, digest, pushed, grace)
      if (isFresh()) {
        this.#kept++
        continue
      }
      const givenUp = (this.#givenUp.get(digest) ?? 0) + 1
      if (dryRun) {
        this.#givenUp.set(digest, givenUp)
        this.#blobs.push({ repository, digest })
        if (givenUp === holders) this.#freed += size
        continue
      }
      await withBlob(digest, async () => {
        // a push may have come to rely on it since it was looked at; between this look and the change there is no pause
        if (isFresh() || tables.isNeeded(repository, digest)) return
        const { removed, last } = database.unlinkBlob(repository, digest)
        if (removed) this.#blobs.push({ repository, digest })
        if (!last) return
        await removeBytes(digest)
        this.#freed += size
      })
    }
  }
}
