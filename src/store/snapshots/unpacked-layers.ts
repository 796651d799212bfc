import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ChainFolders } from './chain-folders.ts'
import type { LayerBackend, LayerRequest } from './dependencies.ts'
import { extractLayer } from './extract-layer.ts'
import { mountOverlay } from './overlay.ts'
import type { PrivateMounts } from './private-mounts.ts'
import { makeRootFolder } from './root-metadata.ts'
import type { Staging } from './staging.ts'

/**
 * Layers as folders of unpacked files, one per chain. A layer is extracted into an overlay mount of what lies below,
 * so the kernel itself makes whiteouts, copies up hard-linked files and resolves links.
 */
export class UnpackedLayers implements LayerBackend {
  readonly kind = 'unpacked'
  readonly #folders: ChainFolders
  readonly #mounts: PrivateMounts

  constructor(folder: string, staging: Staging, mounts: PrivateMounts) {
    this.#folders = new ChainFolders(folder, staging)
    this.#mounts = mounts
  }

  async build(request: LayerRequest): Promise<string> {
    const { chain, durable } = request
    return await this.#folders.make(chain, { name: 'upper', durable }, async (made) => {
      makeRootFolder(join(made, 'upper'), request.root)
      await this.#extract(request, made)
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

  async #extract({ entries, tar, below, signal }: LayerRequest, made: string): Promise<void> {
    const upper = join(made, 'upper')
    if (below.length === 0) {
      await extractLayer({ entries, tar, target: upper, signal })
      return
    }
    const work = join(made, 'work')
    mkdirSync(work, { mode: 0o700 })
    await this.#mounts.withTarget(
      (target) => mountOverlay({ lower: below, upper: { folder: upper, work }, target }),
      (target) => extractLayer({ entries, tar, target, signal }),
    )
  }
}
