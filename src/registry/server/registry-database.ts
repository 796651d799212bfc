import { constants } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { lockHolder } from '../../linux/lock-holder.ts'
import { systemFailure } from '../../linux/system-failure.ts'
import { parseDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import { sqliteCode } from '../../util/sqlite-code.ts'
import type { NewManifest, Page, StoredManifest } from './storage.ts'

type Row = Readonly<Record<string, SQLOutputValue>>

const schemaVersion = 1
const schema = `
  CREATE TABLE repositories (name TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE links (repository TEXT, digest TEXT, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
  CREATE INDEX links_by_digest ON links (digest);
  CREATE TABLE manifests (repository TEXT, digest TEXT, media_type TEXT NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (repository, digest));
  CREATE TABLE tags (repository TEXT, tag TEXT, digest TEXT NOT NULL, PRIMARY KEY (repository, tag)) WITHOUT ROWID;
  CREATE INDEX tags_by_digest ON tags (repository, digest);
  PRAGMA user_version = ${schemaVersion};`

/** Result codes of SQLite that are decided by. Source: sqlite.org/rescode.html. */
const busy = 5
const full = 13

/**
 * Which repository holds which blobs, manifests and tags. One process at a time: uploads and blob files are guarded by
 * that process's memory. Every change is one transaction, durable when its call returns.
 */
export class RegistryDatabase {
  readonly #sqlite: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /** `path` may be `:memory:`. Throws REGISTRY_ROOT_BUSY (naming `root`), STORE_DAMAGED. */
  constructor(path: string, root: string) {
    this.#sqlite = new DatabaseSync(path, { timeout: 500 })
    try {
      this.#sqlite.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL',
      )
      this.#transaction(() => {
        const found = this.#get('PRAGMA user_version')?.['user_version']
        if (found === 0) this.#sqlite.exec(schema)
        else if (found !== schemaVersion) {
          throw failure('STORE_DAMAGED', { root, reason: `registry format ${String(found)} is unknown` })
        }
      })
    } catch (error) {
      this.#sqlite.close()
      if (sqliteCode(error) !== busy) throw error
      const pid = lockHolder(path)
      const holder = pid === undefined ? '' : ` (process ${pid})`
      throw failure('REGISTRY_ROOT_BUSY', { root, holder }, { cause: error })
    }
  }

  close(): void {
    if (this.#sqlite.isOpen) this.#sqlite.close()
  }

  blobSize(repository: string, digest: Digest): number | undefined {
    const row = this.#get(
      'SELECT size FROM links JOIN blobs USING (digest) WHERE repository = ? AND digest = ?',
      repository,
      digest,
    )
    return row && Number(row['size'])
  }

  linkBlob(repository: string, digest: Digest, size: number): void {
    this.#transaction(() => {
      this.#run('INSERT INTO blobs VALUES (?, ?) ON CONFLICT DO NOTHING', digest, size)
      this.#run('INSERT INTO links VALUES (?, ?) ON CONFLICT DO NOTHING', repository, digest)
      this.#addRepository(repository)
    })
  }

  /** `last`: no repository holds the blob any more. */
  unlinkBlob(repository: string, digest: Digest): { readonly removed: boolean; readonly last: boolean } {
    return this.#transaction(() => {
      const removed =
        this.#run('DELETE FROM links WHERE repository = ? AND digest = ?', repository, digest) > 0
      const last = removed && this.#get('SELECT 1 FROM links WHERE digest = ?', digest) === undefined
      if (last) this.#run('DELETE FROM blobs WHERE digest = ?', digest)
      if (removed) this.#dropEmptyRepository(repository)
      return { removed, last }
    })
  }

  /** Takes a blob that turned out damaged from every repository, so that clients push it again. */
  forgetBlob(digest: Digest): void {
    this.#transaction(() => {
      this.#run('DELETE FROM links WHERE digest = ?', digest)
      this.#run('DELETE FROM blobs WHERE digest = ?', digest)
    })
  }

  findManifest(repository: string, tagOrDigest: string): StoredManifest | undefined {
    const row = tagOrDigest.includes(':')
      ? this.#get(
          'SELECT digest, media_type, bytes FROM manifests WHERE repository = ? AND digest = ?',
          repository,
          tagOrDigest,
        )
      : this.#get(
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
    const { digest, mediaType, bytes, tag, blobs, createOnly = false } = manifest
    this.#transaction(() => {
      for (const blob of blobs) {
        const size = this.blobSize(repository, blob.digest)
        if (size === undefined) throw failure('MANIFEST_BLOB_UNKNOWN', { digest: blob.digest, repository })
        if (size !== blob.size) {
          const reason = `${blob.digest} has ${size} bytes, not ${blob.size}`
          throw failure('MANIFEST_INVALID', { reason })
        }
      }
      if (createOnly && tag !== undefined) this.#checkTagIsFree(repository, tag, digest)
      const change = createOnly ? 'NOTHING' : 'UPDATE SET media_type = excluded.media_type'
      this.#run(
        `INSERT INTO manifests VALUES (?, ?, ?, ?) ON CONFLICT DO ${change}`,
        repository,
        digest,
        mediaType,
        bytes,
      )
      if (tag !== undefined) {
        const sql = 'INSERT INTO tags VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest'
        this.#run(sql, repository, tag, digest)
      }
      this.#addRepository(repository)
    })
  }

  deleteManifest(repository: string, digest: Digest): boolean {
    return this.#transaction(() => {
      this.#run('DELETE FROM tags WHERE repository = ? AND digest = ?', repository, digest)
      const removed =
        this.#run('DELETE FROM manifests WHERE repository = ? AND digest = ?', repository, digest) > 0
      if (removed) this.#dropEmptyRepository(repository)
      return removed
    })
  }

  deleteTag(repository: string, tag: string): boolean {
    return this.#transaction(
      () => this.#run('DELETE FROM tags WHERE repository = ? AND tag = ?', repository, tag) > 0,
    )
  }

  listTags(repository: string, { after = '', limit }: Page): string[] | undefined {
    if (this.#get('SELECT 1 FROM repositories WHERE name = ?', repository) === undefined) return undefined
    const sql = 'SELECT tag AS name FROM tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?'
    return this.#all(sql, repository, after, limit).map(({ name }) => String(name))
  }

  listRepositories({ after = '', limit }: Page): string[] {
    const sql = 'SELECT name FROM repositories WHERE name > ? ORDER BY name LIMIT ?'
    return this.#all(sql, after, limit).map(({ name }) => String(name))
  }

  #checkTagIsFree(repository: string, tag: string, digest: Digest): void {
    const found = this.#get('SELECT digest FROM tags WHERE repository = ? AND tag = ?', repository, tag)
    if (found !== undefined && found['digest'] !== digest) throw failure('TAG_IMMUTABLE', { tag, repository })
  }

  #addRepository(name: string): void {
    this.#run('INSERT INTO repositories VALUES (?) ON CONFLICT DO NOTHING', name)
  }

  #dropEmptyRepository(name: string): void {
    this.#run(
      `DELETE FROM repositories WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM links WHERE repository = ?1)
        AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository = ?1)`,
      name,
    )
  }

  #transaction<Result>(work: () => Result): Result {
    this.#sqlite.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#sqlite.exec('COMMIT')
      return result
    } catch (error) {
      // SQLite itself rolls back after some errors, a full disk among them
      if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK')
      if (sqliteCode(error) !== full) throw error
      throw systemFailure('write', constants.errno.ENOSPC, 'registry.db', error)
    }
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#sqlite.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values)
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values)
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes)
  }
}
