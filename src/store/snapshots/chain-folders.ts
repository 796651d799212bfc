import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { folderBytes } from '../../linux/folder-size.ts'
import { syncFileSystemOf, syncPath } from '../../linux/sync.ts'
import { digestHex, type ChainId } from '../../oci/digest.ts'
import type { Staging } from './staging.ts'

/** Folders of files, one for each chain, which appear whole or not at all; their keys are the digits of the chain ID. */
export class ChainFolders {
  readonly #folder: string
  readonly #staging: Staging

  constructor(folder: string, staging: Staging) {
    this.#folder = folder
    this.#staging = staging
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /** `fill` gets a folder of its own to work in and makes the chain's below it, as `name`. Resolves with the key. */
  async make(
    chain: ChainId,
    { name, durable }: { readonly name: string; readonly durable: boolean },
    fill: (made: string) => Promise<void>,
  ): Promise<string> {
    const key = digestHex(chain)
    const made = this.#staging.newFolder()
    try {
      await fill(made)
      if (durable) syncFileSystemOf(made)
      this.#discard(key)
      renameSync(join(made, name), this.path(key))
      if (durable) syncPath(this.#folder)
    } finally {
      this.#staging.remove(made)
    }
    return key
  }

  has(key: string): boolean {
    return existsSync(this.path(key))
  }

  path(key: string): string {
    return join(this.#folder, key)
  }

  keys(): readonly string[] {
    return readdirSync(this.#folder)
  }

  /** Bytes freed. */
  drop(key: string): number {
    const bytes = folderBytes(this.path(key))
    this.#discard(key)
    return bytes
  }

  /** What a crash left without a record, or a dropped layer: away by one rename, then file by file. */
  #discard(key: string): void {
    const gone = this.#staging.newPath()
    try {
      renameSync(this.path(key), gone)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    this.#staging.remove(gone)
  }
}
