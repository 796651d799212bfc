import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openFolder } from '../../linux/openat2.ts'
import { removeTree } from '../../linux/remove-tree.ts'
import { closeSync } from 'node:fs'

/** Start of a process in clock ticks after boot; undefined when there is none. Source: proc_pid_stat(5), field 22. */
function startTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${String(pid)}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
}

/**
 * Half-made and half-removed things, each below a name that tells which process of which boot works on it. What a
 * dead process left is removed by `sweep`.
 */
export class Staging {
  readonly #folder: string
  readonly #owner: string

  constructor(folder: string) {
    this.#folder = folder
    this.#owner = `${bootId()}.${String(process.pid)}.${startTime(process.pid) ?? '0'}`
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /** A path that does not exist, on the same file system as everything it will be renamed to. */
  newPath(): string {
    return join(this.#folder, `${this.#owner}.${randomBytes(8).toString('hex')}`)
  }

  newFolder(): string {
    const path = this.newPath()
    mkdirSync(path, { mode: 0o700 })
    return path
  }

  /** Removes what `newPath` named. */
  remove(path: string): void {
    const folder = openFolder(this.#folder)
    try {
      removeTree(folder, path.slice(this.#folder.length + 1))
    } finally {
      closeSync(folder)
    }
  }

  /** Removes what processes that no longer run left behind. */
  sweep(): void {
    const boot = bootId()
    for (const name of readdirSync(this.#folder)) {
      const [madeIn, pid, start] = name.split('.')
      const alive = madeIn === boot && startTime(Number(pid)) === start
      if (!alive) this.remove(join(this.#folder, name))
    }
  }
}
