import type { ChainId, DiffId, Digest } from '../../oci/digest.ts'
import type { CacheRecord, CacheStore, Ingredient } from '../store.ts'
import type { Database, Row } from './database.ts'

const defaultLineage = 20
const defaultLineages = 200

/**
 * Build cache records in SQLite. A record is volatile until an image commit has made durable what it names: after a
 * power cut those are dropped (see `recoverAfterBoot`), so a hit never leads to half-written layers.
 */
export class DatabaseCacheStore implements CacheStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  find(key: Digest): CacheRecord | undefined {
    const row = this.#database.get('SELECT * FROM cache WHERE key = ?', key)
    return row && toRecord(row)
  }

  put(record: Omit<CacheRecord, 'createdAt' | 'lastUsedAt' | 'uses'>): void {
    const now = Date.now()
    this.#database.run(
      `INSERT OR REPLACE INTO cache (key, lineage, ingredients, description, chain, diff_ids, data, created_at,
       last_used_at, uses, size, volatile) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 1)`,
      record.key,
      record.lineage,
      JSON.stringify(record.ingredients),
      record.description,
      record.chain ?? null,
      record.diffIds === undefined ? null : JSON.stringify(record.diffIds),
      JSON.stringify(record.data ?? null),
      now,
      now,
      record.size,
    )
  }

  touch(key: Digest): void {
    this.#database.run('UPDATE cache SET uses = uses + 1, last_used_at = ? WHERE key = ?', Date.now(), key)
  }

  lineage(lineage: string, limit: number = defaultLineage): CacheRecord[] {
    const sql = 'SELECT * FROM cache WHERE lineage = ? ORDER BY sequence DESC LIMIT ?'
    return this.#database.all(sql, lineage, limit).map(toRecord)
  }

  lineages(prefix: string, limit: number = defaultLineages): CacheRecord[] {
    const sql = 'SELECT * FROM cache WHERE lineage >= ? AND lineage < ? ORDER BY sequence DESC LIMIT ?'
    return this.#database.all(sql, prefix, `${prefix}\u{10ffff}`, limit).map(toRecord)
  }

  list(): CacheRecord[] {
    return this.#database.all('SELECT * FROM cache ORDER BY sequence').map(toRecord)
  }

  remove(keys: readonly Digest[]): void {
    this.#database.transaction(
      () => {
        for (const key of keys) this.#database.run('DELETE FROM cache WHERE key = ?', key)
      },
      { frees: true },
    )
  }
}

/** Ingredients of a COPY can name 20,000 files: they are parsed only when a miss is explained. */
function toRecord(row: Row): CacheRecord {
  const ingredients = String(row['ingredients'])
  const data = String(row['data'])
  const chain = row['chain']
  const diffIds = row['diff_ids']
  let parsedIngredients: readonly Ingredient[] | undefined
  let parsedData: { readonly value: unknown } | undefined
  return {
    key: row['key'] as Digest,
    lineage: String(row['lineage']),
    get ingredients() {
      parsedIngredients ??= JSON.parse(ingredients) as readonly Ingredient[]
      return parsedIngredients
    },
    description: String(row['description']),
    ...(typeof chain === 'string' && { chain: chain as ChainId }),
    ...(typeof diffIds === 'string' && { diffIds: JSON.parse(diffIds) as readonly DiffId[] }),
    get data() {
      parsedData ??= { value: JSON.parse(data) as unknown }
      return parsedData.value
    },
    createdAt: Number(row['created_at']),
    lastUsedAt: Number(row['last_used_at']),
    uses: Number(row['uses']),
    size: Number(row['size']),
  }
}
