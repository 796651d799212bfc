import { DatabaseSync } from 'node:sqlite'
import { lockHolder } from '../../linux/lock-holder.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { parseDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import { sqliteCode } from '../../util/sqlite-code.ts'
import { CollectionTables } from './gc/collection-tables.ts'
import type { ManifestFacts } from './manifest-facts.ts'
import { upgradeSchema } from './registry-schema.ts'
import { SqlDatabase } from './sql-database.ts'
import type { NewManifest, Page, Referrers, ReferrersPage, StoredManifest } from './storage.ts'

/** Result code of SQLite. Source: sqlite.org/rescode.html. */
const busy = 5

/**
 * Which repository holds which blobs, manifests and tags. One process at a time: uploads and blob files are guarded by
 * that process's memory. Every change is one transaction, durable when its call returns.
 */
export class RegistryDatabase {
  readonly #sqlite: DatabaseSync
  readonly #sql: SqlDatabase

  /** `path` may be `:memory:`. Throws REGISTRY_ROOT_BUSY (naming `root`), STORE_DAMAGED. */
  constructor(path: string, root: string) {
    this.#sqlite = new DatabaseSync(path, { timeout: 500 })
    this.#sql = new SqlDatabase(this.#sqlite)
    try {
      this.#sqlite.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL',
      )
      this.#sql.transaction(() => {
        upgradeSchema(this.#sqlite, root, (...noted) => this.#noteFacts(...noted))
      })
    } catch (error) {
      this.#sqlite.close()
      if (sqliteCode(error) !== busy) throw error
      const pid = lockHolder(path)
      const holder = pid === undefined ? '' : ` (process ${pid})`
      throw failure('REGISTRY_ROOT_BUSY', { root, holder }, { cause: error })
    }
  }

  /** What collections need of it. */
  collectionTables(): CollectionTables {
    return new CollectionTables(this.#sql)
  }

  close(): void {
    if (this.#sqlite.isOpen) this.#sqlite.close()
  }

  blobSize(repository: string, digest: Digest): number | undefined {
    const row = this.#sql.get(
      'SELECT size FROM links JOIN blobs USING (digest) WHERE repository = ? AND digest = ?',
      repository,
      digest,
    )
    return row && Number(row['size'])
  }

  linkBlob(repository: string, digest: Digest, size: number): void {
    this.#sql.transaction(() => {
      this.#sql.run('INSERT INTO blobs VALUES (?, ?) ON CONFLICT DO NOTHING', digest, size)
      const sql = 'INSERT INTO links VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET pushed = excluded.pushed'
      this.#sql.run(sql, repository, digest, Date.now())
      this.#addRepository(repository)
    })
  }

  /** `last`: no repository holds the blob any more. */
  unlinkBlob(repository: string, digest: Digest): { readonly removed: boolean; readonly last: boolean } {
    return this.#sql.transaction(() => {
      const removed =
        this.#sql.run('DELETE FROM links WHERE repository = ? AND digest = ?', repository, digest) > 0
      const last = removed && this.#sql.get('SELECT 1 FROM links WHERE digest = ?', digest) === undefined
      if (last) this.#sql.run('DELETE FROM blobs WHERE digest = ?', digest)
      if (removed) this.#dropEmptyRepository(repository)
      return { removed, last }
    })
  }

  /** Takes a blob that turned out damaged from every repository, so that clients push it again. */
  forgetBlob(digest: Digest): void {
    this.#sql.transaction(() => {
      this.#sql.run('DELETE FROM links WHERE digest = ?', digest)
      this.#sql.run('DELETE FROM blobs WHERE digest = ?', digest)
    })
  }

  findManifest(repository: string, tagOrDigest: string): StoredManifest | undefined {
    const row = tagOrDigest.includes(':')
      ? this.#sql.get(
          'SELECT digest, media_type, bytes FROM manifests WHERE repository = ? AND digest = ?',
          repository,
          tagOrDigest,
        )
      : this.#sql.get(
          'SELECT digest, media_type, bytes FROM tags JOIN manifests USING (repository, digest) WHERE repository = ? AND tag = ?',
          repository,
          tagOrDigest,
        )
    if (row === undefined) return undefined
    return {
      mediaType: String(row['media_type']),
      digest: parseDigest(row['digest']),
      bytes: Buffer.from(row['bytes'] as Uint8Array),
    }
  }

  /** Checks and writes in one transaction: no blob can go between the check and the manifest. */
  putManifest(repository: string, manifest: NewManifest): void {
    const { digest, mediaType, bytes, tags = [], blobs, createOnly = false } = manifest
    this.#sql.transaction(() => {
      for (const blob of blobs) {
        const size = this.blobSize(repository, blob.digest)
        if (size === undefined) throw failure('MANIFEST_BLOB_UNKNOWN', { digest: blob.digest, repository })
        if (size !== blob.size) {
          const reason = `${blob.digest} has ${size} bytes, not ${blob.size}`
          throw failure('MANIFEST_INVALID', { reason })
        }
      }
      if (createOnly) for (const tag of tags) this.#checkTagIsFree(repository, tag, digest)
      const change = createOnly
        ? 'NOTHING'
        : 'UPDATE SET media_type = excluded.media_type, pushed = excluded.pushed'
      const now = Date.now()
      this.#sql.run(
        `INSERT INTO manifests (repository, digest, media_type, bytes, pushed) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO ${change}`,
        repository,
        digest,
        mediaType,
        bytes,
        now,
      )
      this.#noteFacts(repository, digest, manifest)
      const sql = `INSERT INTO tags (repository, tag, digest, pushed) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET digest = excluded.digest, pushed = excluded.pushed`
      for (const tag of tags) this.#sql.run(sql, repository, tag, digest, now)
      this.#addRepository(repository)
    })
  }

  deleteManifest(repository: string, digest: Digest): boolean {
    return this.#sql.transaction(() => {
      this.#sql.run('DELETE FROM tags WHERE repository = ? AND digest = ?', repository, digest)
      this.#sql.run('DELETE FROM parts WHERE repository = ? AND manifest = ?', repository, digest)
      this.#sql.run('DELETE FROM referrers WHERE repository = ? AND digest = ?', repository, digest)
      const removed =
        this.#sql.run('DELETE FROM manifests WHERE repository = ? AND digest = ?', repository, digest) > 0
      if (removed) this.#dropEmptyRepository(repository)
      return removed
    })
  }

  deleteTag(repository: string, tag: string): boolean {
    return this.#sql.transaction(
      () => this.#sql.run('DELETE FROM tags WHERE repository = ? AND tag = ?', repository, tag) > 0,
    )
  }

  listTags(repository: string, { after = '', limit }: Page): string[] | undefined {
    if (this.#sql.get('SELECT 1 FROM repositories WHERE name = ?', repository) === undefined) return undefined
    const sql = 'SELECT tag AS name FROM tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?'
    return this.#sql.all(sql, repository, after, limit).map(({ name }) => String(name))
  }

  listRepositories({ after = '', limit }: Page): string[] {
    const sql = 'SELECT name FROM repositories WHERE name > ? ORDER BY name LIMIT ?'
    return this.#sql.all(sql, after, limit).map(({ name }) => String(name))
  }

  listReferrers(repository: string, subject: Digest, page: ReferrersPage): Referrers {
    const { after = '', limit, artifactType, maxBytes } = page
    const rows = this.#sql
      .prepare(
        `SELECT descriptor FROM referrers WHERE repository = ?1 AND subject = ?2 AND digest > ?3
        AND (?4 IS NULL OR artifact_type = ?4) ORDER BY digest LIMIT ?5`,
      )
      .iterate(repository, subject, after, artifactType ?? null, limit + 1)
    const descriptors: Descriptor[] = []
    let bytes = 0
    for (const row of rows) {
      const text = String(row['descriptor'])
      bytes += Buffer.byteLength(text)
      if (descriptors.length === limit || (descriptors.length > 0 && bytes > maxBytes)) {
        return { descriptors, more: true }
      }
      descriptors.push(JSON.parse(text) as Descriptor)
    }
    return { descriptors, more: false }
  }

  #noteFacts(repository: string, digest: string, { blobs, members = [], referrer }: ManifestFacts): void {
    const part = 'INSERT INTO parts VALUES (?, ?, ?) ON CONFLICT DO NOTHING'
    for (const named of [...blobs.map((blob) => blob.digest), ...members])
      this.#sql.run(part, repository, digest, named)
    if (referrer === undefined) return
    const { subject, descriptor } = referrer
    const sql =
      'INSERT INTO referrers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET descriptor = excluded.descriptor'
    this.#sql.run(
      sql,
      repository,
      subject,
      digest,
      descriptor.artifactType ?? null,
      JSON.stringify(descriptor),
    )
  }

  #checkTagIsFree(repository: string, tag: string, digest: Digest): void {
    const found = this.#sql.get('SELECT digest FROM tags WHERE repository = ? AND tag = ?', repository, tag)
    if (found !== undefined && found['digest'] !== digest) throw failure('TAG_IMMUTABLE', { tag, repository })
  }

  #addRepository(name: string): void {
    this.#sql.run('INSERT INTO repositories VALUES (?) ON CONFLICT DO NOTHING', name)
  }

  #dropEmptyRepository(name: string): void {
    this.#sql.run(
      `DELETE FROM repositories WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM links WHERE repository = ?1)
        AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository = ?1)`,
      name,
    )
  }
}
