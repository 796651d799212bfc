import { failure } from '../../util/errors.ts'
import type { RecordKind, RecordOptions, RecordRow, RecordStore, UpdateOptions } from '../record-store.ts'
import type { Resource } from '../store.ts'
import type { Database, Row } from './database.ts'
import { findByPrefix } from './find-by-prefix.ts'

/** Rows of one kind. Inserting, renaming and removing is durable when the command ends (see `Database.syncAtEnd`), unless said otherwise. */
export class DatabaseRecordStore<Data> implements RecordStore<Data> {
  readonly #database: Database
  readonly #kind: RecordKind

  constructor(database: Database, kind: RecordKind) {
    this.#database = database
    this.#kind = kind
  }

  list(): RecordRow<Data>[] {
    const rows = this.#database.all('SELECT * FROM records WHERE kind = ? ORDER BY sequence', this.#kind)
    return rows.map((row) => toRow<Data>(row))
  }

  get(id: string): RecordRow<Data> | undefined {
    const row = this.#database.get('SELECT * FROM records WHERE kind = ? AND id = ?', this.#kind, id)
    return row && toRow<Data>(row)
  }

  find(nameOrId: string): RecordRow<Data> | undefined {
    const named = this.#database.get(
      'SELECT * FROM records WHERE kind = ? AND name = ?',
      this.#kind,
      nameOrId,
    )
    if (named !== undefined) return toRow<Data>(named)
    if (nameOrId === '') return undefined
    const sql = 'SELECT id FROM records WHERE kind = ? AND id >= ? AND id < ? ORDER BY id LIMIT 10'
    const id = findByPrefix(this.#database, sql, [this.#kind], nameOrId)
    return id === undefined ? undefined : this.get(id)
  }

  insert(
    { id, name, data, holds = [] }: Omit<RecordRow<Data>, 'sequence'>,
    options: RecordOptions = {},
  ): void {
    this.#database.transaction(() => {
      this.#refuseTaken(name, id)
      const sql = 'INSERT INTO records (kind, id, name, data, holds) VALUES (?, ?, ?, ?, ?)'
      this.#database.run(sql, this.#kind, id, name, JSON.stringify(data), JSON.stringify(holds))
    })
    if (options.durable !== false) this.#database.syncAtEnd()
  }

  update(id: string, change: (data: Data) => Data, options: UpdateOptions = {}): RecordRow<Data> | undefined {
    return this.#database.transaction(() => {
      const row = this.get(id)
      if (row === undefined) return undefined
      const data = change(row.data)
      const sql = 'UPDATE records SET data = ? WHERE kind = ? AND id = ?'
      this.#database.run(sql, JSON.stringify(data), this.#kind, id)
      return { ...row, data }
    }, options)
  }

  rename(id: string, name: string): void {
    this.#database.transaction(() => {
      if (this.get(id)?.name === name) return
      this.#refuseTaken(name, undefined)
      this.#database.run('UPDATE records SET name = ? WHERE kind = ? AND id = ?', name, this.#kind, id)
    })
    this.#database.syncAtEnd()
  }

  remove(id: string, options: RecordOptions = {}): boolean {
    const sql = 'DELETE FROM records WHERE kind = ? AND id = ?'
    const removed = this.#database.transaction(() => this.#database.run(sql, this.#kind, id), { frees: true })
    if (options.durable !== false) this.#database.syncAtEnd()
    return removed > 0
  }

  #refuseTaken(name: string, id: string | undefined): void {
    const sql = 'SELECT id FROM records WHERE kind = ? AND (name = ? OR id = ?)'
    const holder = this.#database.get(sql, this.#kind, name, id ?? null)
    if (holder === undefined) return
    throw failure(
      'NAME_IN_USE',
      { name, kind: this.#kind, id: String(holder['id']) },
      { details: { holder: holder['id'] } },
    )
  }
}

function toRow<Data>(row: Row): RecordRow<Data> {
  return {
    id: String(row['id']),
    name: String(row['name']),
    data: JSON.parse(String(row['data'])) as Data,
    holds: JSON.parse(String(row['holds'])) as readonly Resource[],
    sequence: Number(row['sequence']),
  }
}
