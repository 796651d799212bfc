import { constants } from 'node:os'
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { systemFailure } from '../../linux/system-failure.ts'
import { sqliteCode } from '../../util/sqlite-code.ts'

export type Row = Readonly<Record<string, SQLOutputValue>>

/** Result code of SQLite. Source: sqlite.org/rescode.html. */
const full = 13

/** Statements that are prepared once, and transactions. */
export class SqlDatabase {
  readonly #sqlite: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite
  }

  /** Durable when it returns; nothing happened when it throws. NO_SPACE on a full disk. */
  transaction<Result>(work: () => Result): Result {
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

  prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#sqlite.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.prepare(sql).get(...values)
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.prepare(sql).all(...values)
  }

  /** How many rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.prepare(sql).run(...values).changes)
  }
}
