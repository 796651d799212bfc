import { parseDigest } from '../../../oci/digest.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { SqlDatabase } from '../sql-database.ts'
import type { Pull } from './pull-times.ts'
import type { ManifestNode, TagTimes } from './retention.ts'

export interface StoredTag extends TagTimes {
  readonly digest: Digest
}

export interface HeldBlob {
  readonly digest: Digest
  readonly size: number
  /** ms since 1970. */
  readonly pushed: number
  /** Repositories that hold it. */
  readonly holders: number
}

/** What a collection reads, and the few things that only it changes. */
export class CollectionTables {
  readonly #sql: SqlDatabase

  constructor(sql: SqlDatabase) {
    this.#sql = sql
  }

  repositories(): readonly string[] {
    return this.#sql.all('SELECT name FROM repositories ORDER BY name').map(({ name }) => String(name))
  }

  tags(repository: string): readonly StoredTag[] {
    const sql = 'SELECT tag, digest, pushed, pulled FROM tags WHERE repository = ? ORDER BY tag'
    return this.#sql.all(sql, repository).map((row) => ({
      tag: String(row['tag']),
      digest: parseDigest(row['digest']),
      pushed: Number(row['pushed']),
      pulled: Number(row['pulled']),
    }))
  }

  manifests(repository: string, isTagged: (digest: string) => boolean): readonly ManifestNode[] {
    const parts = Map.groupBy(
      this.#sql.all('SELECT manifest, digest FROM parts WHERE repository = ?', repository),
      ({ manifest }) => String(manifest),
    )
    const subjects = new Map(
      this.#sql
        .all('SELECT digest, subject FROM referrers WHERE repository = ?', repository)
        .map(({ digest, subject }) => [String(digest), String(subject)] as const),
    )
    const sql =
      'SELECT digest, max(pushed, pulled) AS used FROM manifests WHERE repository = ? ORDER BY digest'
    return this.#sql.all(sql, repository).map((row) => {
      const digest = String(row['digest'])
      const subject = subjects.get(digest)
      return {
        digest,
        used: Number(row['used']),
        isTagged: isTagged(digest),
        parts: (parts.get(digest) ?? []).map((part) => String(part['digest'])),
        ...(subject !== undefined && { subject }),
      }
    })
  }

  /** Blobs of the repository that no manifest of it names, apart from the manifests of `gone`. */
  unneededBlobs(repository: string, gone: ReadonlySet<string>): readonly HeldBlob[] {
    const needed = new Set<unknown>()
    for (const { manifest, digest } of this.#sql.all(
      'SELECT manifest, digest FROM parts WHERE repository = ?',
      repository,
    )) {
      if (!gone.has(String(manifest))) needed.add(digest)
    }
    const sql = `SELECT digest, size, pushed, (SELECT count(*) FROM links AS other WHERE other.digest = links.digest) AS holders
      FROM links JOIN blobs USING (digest) WHERE repository = ? ORDER BY digest`
    return this.#sql
      .all(sql, repository)
      .filter(({ digest }) => !needed.has(digest))
      .map((row) => ({
        digest: parseDigest(row['digest']),
        size: Number(row['size']),
        pushed: Number(row['pushed']),
        holders: Number(row['holders']),
      }))
  }

  isNeeded(repository: string, digest: Digest): boolean {
    const sql = 'SELECT 1 FROM parts WHERE repository = ? AND digest = ? LIMIT 1'
    return this.#sql.get(sql, repository, digest) !== undefined
  }

  /** All blobs, each with one repository that holds it. */
  blobs(): readonly { readonly digest: Digest; readonly size: number; readonly repository: string }[] {
    const sql =
      'SELECT digest, size, min(repository) AS repository FROM blobs JOIN links USING (digest) GROUP BY digest'
    return this.#sql.all(sql).map((row) => ({
      digest: parseDigest(row['digest']),
      size: Number(row['size']),
      repository: String(row['repository']),
    }))
  }

  isHeld(digest: string): boolean {
    return this.#sql.get('SELECT 1 FROM blobs WHERE digest = ?', digest) !== undefined
  }

  /** `repository` or `repository:tag` of what needs the blob. */
  neededBy(digest: Digest): readonly string[] {
    const sql = `SELECT parts.repository AS repository, tag FROM parts
      LEFT JOIN tags ON tags.repository = parts.repository AND tags.digest = parts.manifest
      WHERE parts.digest = ? ORDER BY 1, 2`
    const names = this.#sql
      .all(sql, digest)
      .map(({ repository, tag }) =>
        tag === null ? String(repository) : `${String(repository)}:${String(tag)}`,
      )
    return [...new Set(names)]
  }

  notePulls(pulls: readonly Pull[]): void {
    this.#sql.transaction(() => {
      for (const { repository, reference, at } of pulls) {
        const isDigest = reference.includes(':')
        const [table, column] = isDigest ? ['manifests', 'digest'] : ['tags', 'tag']
        this.#sql.run(
          `UPDATE ${table} SET pulled = ? WHERE repository = ? AND ${column} = ?`,
          at,
          repository,
          reference,
        )
      }
    })
  }
}
