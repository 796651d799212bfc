import type { Digest } from '../../oci/digest.ts'
import type { VolatileResource } from '../store.ts'
import type { Database } from './database.ts'

/** One thing that something else keeps alive: a blob's digest or a chain ID. */
export interface Ref {
  readonly kind: 'blob' | 'chain'
  readonly name: string
}

/**
 * What was published without being synced (a deferred lease). The rows need not be durable themselves: they only count
 * within one boot, and the first open of the next boot drops everything that no durable record names.
 * A row is added in the transaction in which its file becomes visible, so whoever reads a row knows that a sync of the
 * file system covers it, and whoever finds none knows that there is nothing to sync.
 */
export class VolatileLedger {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  add(resource: VolatileResource): void {
    const name = resource.kind === 'blob' ? resource.digest : resource.chain
    this.#database.run('INSERT OR IGNORE INTO volatile (kind, name) VALUES (?, ?)', resource.kind, name)
  }

  hasBlob(digest: Digest): boolean {
    return this.#has('blob', digest)
  }

  /** Is any of these not durable yet? */
  hasAny(refs: readonly Ref[]): boolean {
    return refs.some(({ kind, name }) => this.#has(kind, name))
  }

  /** To be called before a sync of the whole file system; the function it returns, after it. */
  beforeSync(): () => void {
    const rows = this.#database.all('SELECT kind, name FROM volatile')
    const last = this.#lastCacheRecord()
    return () => {
      this.#database.transaction(() => {
        for (const row of rows) {
          this.#database.run(
            'DELETE FROM volatile WHERE kind = ? AND name = ?',
            row['kind'] ?? '',
            row['name'] ?? '',
          )
        }
        this.#confirmCache(last)
      })
    }
  }

  /** Cache records are durable as soon as nothing at all is volatile; part of the transaction of an image commit. */
  confirmCacheWhenEmpty(): void {
    if (this.#database.get('SELECT 1 FROM volatile LIMIT 1') === undefined)
      this.#confirmCache(this.#lastCacheRecord())
  }

  #lastCacheRecord(): number {
    return Number(this.#database.get('SELECT max(sequence) AS last FROM cache')?.['last'] ?? 0)
  }

  #confirmCache(last: number): void {
    this.#database.run('UPDATE cache SET volatile = 0 WHERE volatile = 1 AND sequence <= ?', last)
  }

  #has(kind: string, name: string): boolean {
    return this.#database.get('SELECT 1 FROM volatile WHERE kind = ? AND name = ?', kind, name) !== undefined
  }
}
