import { join } from 'node:path'
import { copyTreeIntoFolder } from '../../linux/copy-tree.ts'
import { ChainFolders } from './chain-folders.ts'
import type { LayerBackend, LayerRequest } from './dependencies.ts'
import { extractLayer } from './extract-layer.ts'
import { makeRootFolder } from './root-metadata.ts'
import type { Staging } from './staging.ts'

/** Each chain as a whole tree of its own: a copy of its parent's, with the layer extracted into it. Needs no mounts. */
export class CopiedLayers implements LayerBackend {
  readonly kind = 'copy'
  readonly #folders: ChainFolders

  constructor(folder: string, staging: Staging) {
    this.#folders = new ChainFolders(folder, staging)
  }

  async build({ chain, below, root, entries, tar, signal, durable }: LayerRequest): Promise<string> {
    return await this.#folders.make(chain, { name: 'root', durable }, async (made) => {
      const target = join(made, 'root')
      makeRootFolder(target, root)
      const [parent] = below
      if (parent !== undefined) copyTreeIntoFolder(parent, '/', target)
      await extractLayer({ entries, tar, target, signal })
    })
  }

  has(key: string): boolean {
    return this.#folders.has(key)
  }

  async lower(key: string): Promise<string> {
    return this.#folders.path(key)
  }

  keys(): readonly string[] {
    return this.#folders.keys()
  }

  async drop(key: string): Promise<number> {
    return this.#folders.drop(key)
  }
}
