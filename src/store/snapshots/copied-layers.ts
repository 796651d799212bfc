import { closeSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { copyTreeIntoFolder } from '../../linux/copy-tree.ts'
import { folderBytes } from '../../linux/folder-size.ts'
import { openFolder } from '../../linux/openat2.ts'
import { syncFileSystem } from '../../linux/sync.ts'
import { digestHex } from '../../oci/digest.ts'
import type { LayerBackend, LayerRequest } from './dependencies.ts'
import { extractLayer } from './extract-layer.ts'
import { makeRootFolder } from './root-metadata.ts'
import type { Staging } from './staging.ts'

/** Each chain as a whole tree of its own: a copy of its parent's, with the layer extracted into it. Needs no mounts. */
export class CopiedLayers implements LayerBackend {
  readonly kind = 'copy'
  readonly #folder: string
  readonly #staging: Staging

  constructor(folder: string, staging: Staging) {
    this.#folder = folder
    this.#staging = staging
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  async build({ chain, below, root, entries, tar, signal, durable }: LayerRequest): Promise<string> {
    const key = digestHex(chain)
    const made = this.#staging.newFolder()
    const target = join(made, 'root')
    try {
      makeRootFolder(target, root)
      const [parent] = below
      if (parent !== undefined) copyTreeIntoFolder(parent, '/', target)
      await extractLayer({ entries, tar, target, signal })
      if (durable) syncPath(made)
      this.#discard(key)
      renameSync(target, this.#path(key))
      if (durable) syncPath(this.#folder)
    } finally {
      this.#staging.remove(made)
    }
    return key
  }

  has(key: string): boolean {
    return existsSync(this.#path(key))
  }

  async lower(key: string): Promise<string> {
    return this.#path(key)
  }

  keys(): readonly string[] {
    return readdirSync(this.#folder)
  }

  async drop(key: string): Promise<number> {
    const bytes = folderBytes(this.#path(key))
    this.#discard(key)
    return bytes
  }

  #discard(key: string): void {
    const gone = this.#staging.newPath()
    try {
      renameSync(this.#path(key), gone)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    this.#staging.remove(gone)
  }

  #path(key: string): string {
    return join(this.#folder, key)
  }
}

function syncPath(path: string): void {
  const folder = openFolder(path)
  try {
    syncFileSystem(folder, path)
  } finally {
    closeSync(folder)
  }
}
