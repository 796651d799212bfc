/**
 * Preload (`--import`) that kills this process just before its n-th change of the world, n from MILLE_KILL_AT: changes
 * of files, mounts and other system calls through FFI, COMMITs of SQLite (what it writes by itself is cut there), and
 * programs that are started. With MILLE_KILL_COUNT, a path, nothing is killed: the number of points is written there.
 */
import childProcess from 'node:child_process'
import fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { DatabaseSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'

const inFs = [
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
  'rmdirSync',
  'mkdirSync',
] as const
const inPromises = ['writeFile', 'rename', 'rm', 'mkdir', 'unlink', 'chmod', 'symlink'] as const
const inLibc: ReadonlySet<string> = new Set([
  'mkdirat',
  'symlinkat',
  'linkat',
  'mknodat',
  'renameat2',
  'unlinkat',
  'syncfs',
  'mount',
  'umount2',
  'unshare',
])
/** fsopen, fsconfig, fsmount, move_mount, renameat2 by number. */
const syscalls: ReadonlySet<unknown> = new Set([429, 430, 432, 316, 276])

const countPath = process.env['MILLE_KILL_COUNT']
const killAt = Number(process.env['MILLE_KILL_AT'])
let done = 0
// what this process starts, lives
delete process.env['NODE_OPTIONS']

function count(): void {
  done += 1
  if (countPath === undefined && done === killAt) process.kill(process.pid, 'SIGKILL')
}

type Call = (...values: unknown[]) => unknown

function counted(original: Call, on: unknown): Call {
  return function countedCall(...values) {
    count()
    return original.apply(on, values)
  }
}

function wrap(holder: object, names: readonly string[]): void {
  const functions = holder as Record<string, Call>
  for (const name of names) {
    const original = functions[name]
    if (original !== undefined) functions[name] = counted(original, holder)
  }
}

wrap(fs, inFs)
wrap(fs.promises, inPromises)
wrap(childProcess, ['spawn', 'spawnSync', 'execFile', 'execFileSync'])
syncBuiltinESMExports()

const exec = DatabaseSync.prototype.exec
DatabaseSync.prototype.exec = function execCounted(sql: string): void {
  if (sql === 'COMMIT') count()
  exec.call(this, sql)
}

interface Library {
  func(name: string, ...rest: unknown[]): Call
}
const koffi = createRequire(import.meta.url)('koffi') as { load(name: string): Library }
const load = koffi.load.bind(koffi)
koffi.load = (name) => {
  const library = load(name)
  return {
    func(symbol, ...rest) {
      const call = library.func(symbol, ...rest)
      if (inLibc.has(symbol)) return counted(call, undefined)
      if (symbol !== 'syscall') return call
      return (...values) => {
        if (syscalls.has(values[0])) count()
        return call(...values)
      }
    },
  }
}

if (countPath !== undefined && isMainThread)
  process.on('exit', () => {
    fs.writeFileSync(countPath, String(done))
  })
