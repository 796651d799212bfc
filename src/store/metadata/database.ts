import { existsSync, statSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { syncPath } from '../../linux/sync.ts'
import { systemFailure } from '../../linux/system-failure.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { sqliteCode } from '../../util/sqlite-code.ts'
import { version } from '../../util/version.ts'
import { holdLogIndex } from './log-index.ts'
import { closeNoted, noteLog, refuseMissingLog } from './log-note.ts'
import { migrations } from './migrations.ts'
import { withReserve } from './reserve.ts'

export type Row = Readonly<Record<string, SQLOutputValue>>

export interface TransactionOptions {
  /** Survives a power cut once it returned: the log is fsynced (synchronous=FULL). */
  readonly durable?: boolean
  /** May use the space set aside for freeing space on a full disk. */
  readonly frees?: boolean
}

export interface DatabaseOptions {
  /**
   * The process ends as soon as the database is closed, so the connection is left to the kernel: closing the last one
   * makes SQLite empty its log, which costs more syncs than most commands. The log is then read by the next process.
   */
  readonly processEnds?: boolean | undefined
}

interface OpenedDatabase {
  readonly readOnly: boolean
  readonly leaveOpen: boolean
  /** Held as long as it is open. */
  readonly index: Disposable | undefined
}

/** Pages in the log at which a commit empties it; the first process after others reads it whole. */
const longestLog = 400
const oldestSqlite = [3, 51, 3] as const
const busySeconds = 60
/** Result codes of SQLite (sqlite.org/rescode.html) that are decided by. */
const codes = {
  busy: 5,
  locked: 6,
  readonly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  protocol: 15,
  notADatabase: 26,
} as const

/**
 * The metadata of one store: SQLite in WAL mode. Every write is one BEGIN IMMEDIATE transaction, so writers of all
 * processes stand in one line and none ever fails for a stale snapshot. Synchronous on purpose: a transaction that
 * spans no `await` can neither be interleaved nor forgotten.
 */
export class Database {
  readonly #root: string
  readonly #sqlite: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  /** The store lies where nothing can be written. */
  readonly readOnly: boolean
  readonly #leaveOpen: boolean
  #depth = 0
  #unsynced = false

  readonly #index: Disposable | undefined

  constructor(root: string, sqlite: DatabaseSync, { readOnly, leaveOpen, index }: OpenedDatabase) {
    this.#root = root
    this.#index = index
    this.#leaveOpen = leaveOpen
    this.#sqlite = sqlite
    this.readOnly = readOnly
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#retry(() => this.#prepare(sql).get(...values))
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#retry(() => this.#prepare(sql).all(...values))
  }

  /** Rows changed. Outside of `transaction` it is a transaction of its own. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#retry(() => this.#prepare(sql).run(...values)).changes)
  }

  exec(sql: string): void {
    this.#retry(() => {
      this.#sqlite.exec(sql)
    })
  }

  /** All of `work` or nothing. Within another transaction it is part of that one. */
  transaction<Result>(work: () => Result, options: TransactionOptions = {}): Result {
    if (this.#depth > 0) return work()
    const attempt = (): Result => this.#attempt(work, options)
    return options.frees === true ? withReserve(this.#root, attempt) : attempt()
  }

  /** Asks that `dispose` makes all commits so far durable: for records that a command's exit 0 promises. */
  syncAtEnd(): void {
    this.#unsynced = true
  }

  close(): void {
    if (!this.#sqlite.isOpen) return
    if (this.#unsynced) syncPath(join(this.#root, 'mille.db-wal'))
    this.#unsynced = false
    if (this.readOnly) return this.#sqlite.close()
    if (this.#leaveOpen) return noteLog(this.#root)
    closeNoted(this.#root, () => {
      this.#sqlite.close()
      this.#index?.[Symbol.dispose]()
    })
  }

  #attempt<Result>(work: () => Result, { durable }: TransactionOptions): Result {
    if (durable === true) this.exec('PRAGMA synchronous = FULL')
    this.exec('BEGIN IMMEDIATE')
    this.#depth += 1
    try {
      const result = work()
      this.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#sqlite.isTransaction) this.exec('ROLLBACK')
      throw error
    } finally {
      this.#depth -= 1
      if (durable === true) this.exec('PRAGMA synchronous = NORMAL')
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#sqlite.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #retry<Result>(work: () => Result): Result {
    return retryBusy(this.#root, work)
  }
}

/** SQLite waits by itself for most locks; recovery and closing answer "busy" at once, so those are tried again here. */
function retryBusy<Result>(root: string, work: () => Result): Result {
  const until = performance.now() + busySeconds * 1000
  for (let wait = 1; ; wait = Math.min(wait * 2, 100)) {
    try {
      return work()
    } catch (error) {
      const code = sqliteCode(error)
      if (code !== codes.busy && code !== codes.locked && code !== codes.protocol)
        throw translate(root, error)
      if (performance.now() > until)
        throw failure('STORE_BUSY', { root, seconds: busySeconds }, { cause: error })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait)
    }
  }
}

function translate(root: string, error: unknown): unknown {
  const path = join(root, 'mille.db')
  const reason = error instanceof Error ? error.message : ''
  switch (sqliteCode(error)) {
    case codes.full:
      return systemFailure('write', 28, path, error)
    case codes.readonly:
      return systemFailure('write', 30, path, error)
    case codes.cantOpen:
      return systemFailure('open', 13, path, error)
    case codes.io:
      // the log's index is a mapped file: for want of space for it SQLite has no code of its own
      if (statfsSync(root).bavail === 0) return systemFailure('write', 28, path, error)
      return failure('SYSTEM_CALL_FAILED', { call: 'sqlite', path, reason }, { cause: error })
    case codes.corrupt:
    case codes.notADatabase:
      return failure('STORE_DAMAGED', { root, reason: `mille.db: ${reason}` }, { cause: error })
    default:
      return error
  }
}

/**
 * Opens `mille.db` below `root`, making it when the store is new. Errors: SQLITE_TOO_OLD, STORE_TOO_NEW, STORE_DAMAGED.
 * `isEmpty` says whether the store holds nothing yet: a missing database over a full store is damage, never a start.
 */
export async function openDatabase(
  root: string,
  isEmpty: () => boolean,
  options: DatabaseOptions = {},
): Promise<Database> {
  checkSqliteVersion()
  const path = join(root, 'mille.db')
  refuseTruncated(root, path, isEmpty)
  refuseMissingLog(root)
  const { DatabaseSync } = await import('node:sqlite')
  const database = connect(root, path, DatabaseSync, options.processEnds === true)
  try {
    migrate(root, database, isEmpty)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function connect(root: string, path: string, Sqlite: typeof DatabaseSync, leaveOpen: boolean): Database {
  const open = (location: string | URL, readOnly: boolean, pragmas: string, index?: Disposable): Database => {
    let sqlite: DatabaseSync | undefined
    try {
      const opened = retryBusy(root, () => new Sqlite(location, { timeout: 5000, readOnly }))
      sqlite = opened
      retryBusy(root, () => {
        opened.exec(pragmas)
      })
      return new Database(root, opened, { readOnly, leaveOpen, index })
    } catch (error) {
      sqlite?.close()
      index?.[Symbol.dispose]()
      throw error
    }
  }
  const pragmas = `PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = ${longestLog}; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON`
  try {
    return withReserve(root, () => open(path, false, pragmas, holdLogIndex(path)))
  } catch (error) {
    // without 32 KiB for the log's index: kept in memory, which takes the database for this process alone
    if (isMilleError(error, 'NO_SPACE'))
      return open(path, false, `PRAGMA locking_mode = EXCLUSIVE; ${pragmas}`)
    const refused = isMilleError(error, 'PATH_PERMISSION', 'READ_ONLY_FILE_SYSTEM')
    if (!refused || !existsSync(path)) throw error
  }
  // reading must go on where nothing can be written (B-ST-4): beside a log with its index, or when there is no log
  const hasLog = existsSync(`${path}-shm`)
  const unchanging = Object.assign(pathToFileURL(path), { search: '?immutable=1' })
  return open(hasLog ? path : unchanging, true, 'SELECT count(*) FROM sqlite_schema')
}

/** SQLite takes an empty file for a new database. */
function refuseTruncated(root: string, path: string, isEmpty: () => boolean): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > 0 || isEmpty()) return
  throw failure('STORE_DAMAGED', { root, reason: 'mille.db is missing or empty, but there are blobs' })
}

function migrate(root: string, database: Database, isEmpty: () => boolean): void {
  const format = (): number => Number(database.get('PRAGMA user_version')?.['user_version'])
  const found = format()
  if (found === migrations.length) return
  if (found > migrations.length) {
    throw failure('STORE_TOO_NEW', { root, found, known: migrations.length, version })
  }
  if (found === 0 && !isEmpty()) {
    throw failure('STORE_DAMAGED', { root, reason: 'mille.db holds no tables, but there are blobs' })
  }
  database.transaction(
    () => {
      // another process may have done it while this one waited
      for (const migration of migrations.slice(format())) database.exec(migration)
      database.exec(`PRAGMA user_version = ${String(migrations.length)}`)
    },
    { durable: true },
  )
  // the tables must not live in the log alone: a store without its log is then still one
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  syncPath(root)
}

/** 3.51.3 mends a race between a checkpoint and a writer that starts the log anew. */
function checkSqliteVersion(): void {
  const found = process.versions['sqlite'] ?? '0'
  const parts = found.split('.').map(Number)
  const difference = oldestSqlite
    .map((needed, index) => (parts[index] ?? 0) - needed)
    .find((one) => one !== 0)
  if ((difference ?? 0) < 0) throw failure('SQLITE_TOO_OLD', { found, needed: oldestSqlite.join('.') })
}
