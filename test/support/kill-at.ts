/**
 * Preload (`--import`) that kills this process just before its n-th change of the file system or the database, n from
 * MILLE_KILL_AT. Writes and syncs that SQLite does by itself are cut at its COMMITs.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { DatabaseSync } from 'node:sqlite'

const names = [
  'openSync',
  'writeSync',
  'writev',
  'writeFileSync',
  'fsync',
  'fsyncSync',
  'fdatasync',
  'renameSync',
  'unlinkSync',
  'rmSync',
  'mkdirSync',
] as const

let left = Number(process.env['MILLE_KILL_AT'])

function count(): void {
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}

for (const name of names) {
  const original = fs[name] as (...values: unknown[]) => unknown
  Object.assign(fs, {
    [name](...values: unknown[]): unknown {
      count()
      return original.apply(fs, values)
    },
  })
}
syncBuiltinESMExports()

const exec = DatabaseSync.prototype.exec
DatabaseSync.prototype.exec = function execCounted(sql: string): void {
  if (sql === 'COMMIT') count()
  exec.call(this, sql)
}
