import { existsSync, closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { openFolder } from '../../linux/openat2.ts'
import { folderBytes } from '../../linux/folder-size.ts'
import { syncFileSystem } from '../../linux/sync.ts'
import { digestHex } from '../../oci/digest.ts'
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
  readonly #folder: string
  readonly #staging: Staging
  readonly #mounts: PrivateMounts

  constructor(folder: string, staging: Staging, mounts: PrivateMounts) {
    this.#folder = folder
    this.#staging = staging
    this.#mounts = mounts
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  async build(request: LayerRequest): Promise<string> {
    const key = digestHex(request.chain)
    const made = this.#staging.newFolder()
    try {
      makeRootFolder(join(made, 'upper'), request.root)
      await this.#extract(request, made)
      if (request.durable) syncPath(made)
      this.#discard(key)
      renameSync(join(made, 'upper'), this.#path(key))
      if (request.durable) syncFolder(this.#folder)
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

  /** What a crash left without a record, or a dropped layer: away by one rename, then file by file. */
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

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
