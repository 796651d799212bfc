import { syncFileSystemOf } from '../../linux/sync.ts'
import { canonicalJson } from '../../oci/canonical-json.ts'
import type { ImageConfig } from '../../oci/config.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { diffIdAsDigest, isDigest, parseDigest } from '../../oci/digest.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import type { Manifest } from '../../oci/manifest.ts'
import { isIndexType, mediaTypes } from '../../oci/media-types.ts'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import { failure } from '../../util/errors.ts'
import type { BlobFolders } from '../content/blob-folders.ts'
import { readBlob } from '../content/open-blob.ts'
import type { BuildReportText } from '../reports.ts'
import type { BlobStore, ImageDraft, ImageRecord, ImageStore, Lease, NewImage } from '../store.ts'
import type { Database, Row } from './database.ts'
import { findByPrefix } from './find-by-prefix.ts'
import type { ImageDocuments } from './image-documents.ts'
import { documentRefs, readImageDocuments, readMembers, sizeOf, sizeOfLayers } from './image-documents.ts'
import { openLease } from './leases.ts'
import type { Ref, VolatileLedger } from './volatile.ts'

export interface ImageStoreParts {
  readonly root: string
  readonly database: Database
  readonly folders: BlobFolders
  readonly content: BlobStore
  readonly volatile: VolatileLedger
}

type NameTable = 'names' | 'repo_digests'

/** Image records in SQLite. Every change is durable when it returns. */
export class DatabaseImageStore implements ImageStore {
  readonly #parts: ImageStoreParts
  readonly #database: Database

  constructor(parts: ImageStoreParts) {
    this.#parts = parts
    this.#database = parts.database
  }

  list(): ImageRecord[] {
    const names = this.#allNames('names')
    const repoDigests = this.#allNames('repo_digests')
    return this.#database.all('SELECT * FROM images ORDER BY sequence').map((row) => {
      const id = String(row['id'])
      return toRecord(row, names.get(id) ?? [], repoDigests.get(id) ?? [])
    })
  }

  get(id: Digest): ImageRecord | undefined {
    const row = this.#database.get('SELECT * FROM images WHERE id = ?', id)
    return row && toRecord(row, this.#namesOf('names', id), this.#namesOf('repo_digests', id))
  }

  find(nameOrId: string): ImageRecord | undefined {
    const named =
      this.#database.get('SELECT image FROM names WHERE name = ?', nameOrId) ??
      this.#database.get('SELECT image FROM repo_digests WHERE name = ?', nameOrId)
    if (named !== undefined) return this.get(named['image'] as Digest)
    const hex = nameOrId.replace(/^sha256:/, '')
    if (!/^[0-9a-f]{1,64}$/.test(hex)) return undefined
    const sql = 'SELECT id FROM images WHERE id >= ? AND id < ? ORDER BY id LIMIT 10'
    const id = findByPrefix(this.#database, sql, [], `sha256:${hex}`)
    return id === undefined ? undefined : this.get(id as Digest)
  }

  members(record: ImageRecord): readonly ImageRecord[] {
    if (!isIndexType(record.manifest.mediaType)) return [record]
    const { folders } = this.#parts
    const document = parseManifestDocument(readBlob(folders, record.manifest.digest, documentLimit))
    if (document.kind !== 'index') return [record]
    return readMembers(folders, record.id, document.index).map(({ manifest, config }) => ({
      ...record,
      manifest,
      config,
      size: sizeOfLayers(folders, record.id, config.rootfs.diff_ids),
    }))
  }

  put(image: NewImage): ImageRecord {
    const { folders } = this.#parts
    const id = parseDigest(image.id)
    const documents = readImageDocuments(folders, id, image.manifest.digest)
    const repoDigests = (image.repoDigests ?? []).map((name) => ({
      name,
      refs: this.#refsOfRepoDigest(name),
    }))
    this.#makeDurable([...documents.refs, ...repoDigests.flatMap(({ refs }) => refs)])
    this.#database.transaction(
      () => {
        // looked at within the transaction: no collector can remove a layer between the look and the record
        this.#insert(image, documents, sizeOfLayers(folders, id, documents.diffIds))
        for (const name of image.names ?? []) this.#give('names', name, id)
        for (const { name, refs } of repoDigests) {
          this.#give('repo_digests', name, id)
          this.#addRefs(id, name, refs)
        }
        // what was downloaded is needed now, and goes with whoever needs it
        this.#database.run(
          'DELETE FROM ingests WHERE name IN (SELECT name FROM image_refs WHERE image = ?)',
          id,
        )
        if (image.report !== undefined) this.#setReport(id, image.report)
        this.#parts.volatile.confirmCacheWhenEmpty()
      },
      { durable: true },
    )
    return this.#known(id)
  }

  async create(draft: ImageDraft, lease?: Lease): Promise<ImageRecord> {
    const { content, database, folders, volatile } = this.#parts
    // deferred: config and manifest are synced together with the layers, by `put`
    await using own = openLease(database, volatile, 'image', { deferred: true })
    const write = async (value: object): Promise<{ digest: Digest; size: number }> => {
      const info = await content.ingest(canonicalJson(value), { lease: own })
      lease?.hold({ kind: 'blob', digest: info.digest })
      return info
    }
    const config = await write(draft.config)
    const layer = (digest: Digest): Descriptor => {
      const size = sizeOf(folders, digest)
      if (size === undefined)
        throw failure('IMAGE_INCOMPLETE', { id: config.digest, what: `layer ${digest}` })
      return { mediaType: mediaTypes.ociLayer, digest, size }
    }
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, ...config },
      layers: draft.layers ?? draft.config.rootfs.diff_ids.map((diffId) => layer(diffIdAsDigest(diffId))),
      ...(draft.annotations !== undefined && { annotations: draft.annotations }),
    }
    return this.put({
      id: config.digest,
      manifest: { mediaType: mediaTypes.ociManifest, ...(await write(manifest)) },
      ...(draft.names !== undefined && { names: draft.names }),
      ...(draft.parent !== undefined && { parent: draft.parent }),
    })
  }

  tag(name: string, id: Digest): void {
    this.#database.transaction(
      () => {
        this.#known(id)
        this.#give('names', name, id)
      },
      { durable: true },
    )
  }

  addRepoDigest(repoDigest: string, id: Digest): void {
    const refs = this.#refsOfRepoDigest(repoDigest)
    this.#makeDurable(refs)
    this.#database.transaction(
      () => {
        this.#known(id)
        this.#give('repo_digests', repoDigest, id)
        this.#addRefs(id, repoDigest, refs)
      },
      { durable: true },
    )
  }

  untag(name: string): boolean {
    return this.#database.transaction(
      () => {
        this.#database.run('DELETE FROM image_refs WHERE source = ?', name)
        const names = this.#database.run('DELETE FROM names WHERE name = ?', name)
        return names + this.#database.run('DELETE FROM repo_digests WHERE name = ?', name) > 0
      },
      { durable: true, frees: true },
    )
  }

  remove(id: Digest, names?: readonly string[]): boolean {
    return this.#database.transaction(
      () => {
        const has = (table: string): boolean =>
          this.#database
            .all(`SELECT name FROM ${table} WHERE image = ?`, id)
            .some((row) => names?.includes(String(row['name'])) === false)
        if (has('names') || has('repo_digests')) return false
        return this.#database.run('DELETE FROM images WHERE id = ?', id) > 0
      },
      { durable: true, frees: true },
    )
  }

  report(id: Digest): BuildReportText | undefined {
    const row = this.#database.get('SELECT scope, report FROM build_reports WHERE image = ?', id)
    return row && toReport(row)
  }

  reports(scope: string): BuildReportText[] {
    return this.#database.all('SELECT scope, report FROM build_reports WHERE scope = ?', scope).map(toReport)
  }

  #setReport(id: Digest, { scope, text }: BuildReportText): void {
    const sql = 'INSERT OR REPLACE INTO build_reports (image, scope, report) VALUES (?, ?, ?)'
    this.#database.run(sql, id, scope, text)
  }

  #known(id: Digest): ImageRecord {
    const record = this.get(id)
    if (record === undefined) throw failure('NO_SUCH_IMAGE', { reference: id })
    return record
  }

  /** The same image again (pulled in another form, built once more) keeps its row, its place and its names. */
  #insert(image: NewImage, { config, refs }: ImageDocuments, size: number): void {
    const { id, parent } = image
    this.#database.run(
      `INSERT INTO images (id, manifest, config, parent, added_at, size) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest, parent = coalesce(excluded.parent, parent)`,
      id,
      JSON.stringify(image.manifest),
      config,
      parent ?? null,
      Date.now(),
      size,
    )
    this.#database.run("DELETE FROM image_refs WHERE image = ? AND source = 'manifest'", id)
    this.#addRefs(id, 'manifest', refs)
  }

  #addRefs(id: Digest, source: string, refs: readonly Ref[]): void {
    for (const { kind, name } of refs) {
      const sql = 'INSERT OR IGNORE INTO image_refs (image, source, kind, name) VALUES (?, ?, ?, ?)'
      this.#database.run(sql, id, source, kind, name)
    }
  }

  #refsOfRepoDigest(name: string): Ref[] {
    return documentRefs(this.#parts.folders, parseDigest(name.slice(name.indexOf('@') + 1)))
  }

  /** Moves the name here from whichever image has it. */
  #give(table: NameTable, name: string, id: Digest): void {
    const moved = this.#database.run(`DELETE FROM ${table} WHERE name = ? AND image <> ?`, name, id)
    if (moved > 0) this.#database.run('DELETE FROM image_refs WHERE source = ? AND image <> ?', name, id)
    this.#database.run(`INSERT OR IGNORE INTO ${table} (name, image) VALUES (?, ?)`, name, id)
  }

  #namesOf(table: NameTable, id: Digest): string[] {
    const rows = this.#database.all(`SELECT name FROM ${table} WHERE image = ? ORDER BY sequence`, id)
    return rows.map((row) => String(row['name']))
  }

  #allNames(table: NameTable): Map<string, string[]> {
    const rows = this.#database.all(`SELECT name, image FROM ${table} ORDER BY sequence`)
    const groups = Map.groupBy(rows, (row) => String(row['image']))
    return new Map([...groups].map(([image, group]) => [image, group.map((row) => String(row['name']))]))
  }

  /** One sync for everything that deferred leases left unsynced, and only when this image needs it (I3). */
  #makeDurable(refs: readonly Ref[]): void {
    const { root, volatile } = this.#parts
    if (!volatile.hasAny(refs)) return
    const confirm = volatile.beforeSync()
    syncFileSystemOf(root)
    confirm()
  }
}

function toReport(row: Row): BuildReportText {
  return { scope: String(row['scope']), text: String(row['report']) }
}

function toRecord(row: Row, names: readonly string[], repoDigests: readonly string[]): ImageRecord {
  const text = String(row['config'])
  const parent = row['parent']
  let config: ImageConfig | undefined
  return {
    id: row['id'] as Digest,
    manifest: JSON.parse(String(row['manifest'])) as Descriptor,
    // parsed when asked for: a listing of 500 images needs few of them
    get config() {
      config ??= JSON.parse(text) as ImageConfig
      return config
    },
    names,
    repoDigests,
    ...(isDigest(parent) && { parent }),
    addedAt: Number(row['added_at']),
    sequence: Number(row['sequence']),
    size: Number(row['size']),
  }
}
