import { closeSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { openFolder } from '../../linux/openat2.ts'
import { currentProcess, isRunning } from '../../linux/process-identity.ts'
import { removeTree } from '../../linux/remove-tree.ts'
import { unmountBelow } from '../../linux/unmount-below.ts'
import { randomHex } from '../../util/random.ts'

/**
 * Half-made and half-removed things, each below a name that tells which process of which boot works on it. What a
 * dead process left is removed by `sweep`.
 */
export class Staging {
  readonly #folder: string
  readonly #owner: string

  constructor(folder: string) {
    this.#folder = folder
    const { boot, pid, started } = currentProcess()
    this.#owner = `${boot}.${String(pid)}.${started}`
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /** A fresh name that tells this process. */
  newName(): string {
    return `${this.#owner}.${randomHex(8)}`
  }

  /** A path that does not exist, on the same file system as everything it will be renamed to. */
  newPath(): string {
    return join(this.#folder, this.newName())
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
    for (const name of readdirSync(this.#folder)) {
      if (!isLeftOver(name)) continue
      // a process that was killed while it tried what can be mounted here left the trial mounted
      unmountBelow(join(this.#folder, name))
      this.remove(join(this.#folder, name))
    }
  }
}

/** Is this a name by `newName` of a process that no longer runs? */
export function isLeftOver(name: string): boolean {
  const [boot = '', pid, started = ''] = name.split('.')
  return !isRunning({ boot, pid: Number(pid), started })
}
