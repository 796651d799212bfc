import { uptime } from 'node:os'
import { currentProcess } from '../../linux/process-identity.ts'
import type { Database } from './database.ts'

/** Seconds without use after which an unfinished download is removed: a week of the machine being up. */
const ingestLife: number = 7 * 24 * 3600

/** Rows of whole blobs bear their digests; an image that comes to need one takes its row away. */
export const downloadsSql = "SELECT name FROM ingests WHERE name LIKE 'sha256:%'"

/**
 * What is known of unfinished downloads beside their bytes. Idle time is counted by the kernel's clock from boot, boot
 * by boot, so a wall clock that jumps by years deletes nothing (I9).
 */
export class IngestLedger {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Notes a use; `durable` is how many bytes survive a power cut. */
  use(name: string, durable: number): void {
    this.#database.run(
      'INSERT OR REPLACE INTO ingests (name, written, durable, counted, seen, idle) VALUES (?, ?, ?, ?, ?, 0)',
      name,
      currentProcess().boot,
      durable,
      currentProcess().boot,
      uptime(),
    )
  }

  /** How many of the `size` bytes found can be taken for written: all in the boot they were written in, else the durable ones. */
  trusted(name: string, size: number): number {
    const row = this.#database.get('SELECT written, durable FROM ingests WHERE name = ?', name)
    if (row === undefined) return 0
    return row['written'] === currentProcess().boot ? size : Math.min(size, Number(row['durable']))
  }

  /** Starts the clock of files that have no row (a kill came between the two). */
  adopt(names: readonly string[]): void {
    for (const name of names) {
      const sql = 'SELECT 1 FROM ingests WHERE name = ?'
      if (this.#database.get(sql, name) === undefined) this.use(name, 0)
    }
  }

  /** Whole blobs that were downloaded for an image which is not there yet. */
  downloads(): string[] {
    return this.#database.all(downloadsSql).map((row) => String(row['name']))
  }

  forget(name: string): void {
    this.#database.run('DELETE FROM ingests WHERE name = ?', name)
  }

  /** Adds up idle time; names of those that were idle longer than `life` seconds. */
  expired(life: number = ingestLife): string[] {
    const boot = currentProcess().boot
    const now = uptime()
    return this.#database.transaction(() => {
      this.#database.run(
        'UPDATE ingests SET idle = idle + max(0, ? - seen), seen = ? WHERE counted = ?',
        now,
        now,
        boot,
      )
      this.#database.run('UPDATE ingests SET counted = ?, seen = ? WHERE counted <> ?', boot, now, boot)
      return this.#database
        .all('SELECT name FROM ingests WHERE idle > ?', life)
        .map((row) => String(row['name']))
    })
  }
}
