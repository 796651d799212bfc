import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { fitsDevice, headLength } from '../../erofs/check-erofs.ts'
import { writeErofs } from '../../erofs/write-erofs.ts'
import { mountAttributes, mountFileSystem } from '../../linux/mount-file-system.ts'
import { unmount } from '../../linux/mount.ts'
import { syncPath } from '../../linux/sync.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { digestHex } from '../../oci/digest.ts'
import type { LayerTable } from '../layers/layer-table.ts'
import type { LayerBackend, LayerDraft, LayerRequest, LayerTables } from './dependencies.ts'
import { diffIdOfIndex, indexKeys, indexPath } from './erofs-indexes.ts'
import { LayersBelow } from './layers-below.ts'
import { buildLayerTree, type LayerTreeInput } from './layer-tree.ts'
import { overlayOn, type Trial } from './probe.ts'
import type { PrivateMounts } from './private-mounts.ts'
import type { Staging } from './staging.ts'

export interface ErofsParts {
  readonly folder: string
  readonly staging: Staging
  readonly mounts: PrivateMounts
  readonly layers: Pick<LayerTables, 'tarPath'>
}

/**
 * Layers that are never unpacked: an EROFS index beside the layer's tar, mounted once for all who use it. An index that
 * needed nothing of the layers below is shared by all chains with that layer (key: the diff ID), else it belongs to one
 * chain (key: diff ID and chain ID).
 */
export class ErofsLayers implements LayerBackend {
  readonly kind = 'erofs'
  readonly #folder: string
  readonly #staging: Staging
  readonly #mounts: PrivateMounts
  readonly #layers: Pick<LayerTables, 'tarPath'>

  constructor({ folder, staging, mounts, layers }: ErofsParts) {
    this.#folder = folder
    this.#staging = staging
    this.#mounts = mounts
    this.#layers = layers
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  async build(request: LayerRequest): Promise<string> {
    const shared = digestHex(request.diffId)
    if (isWhole(this.#path(shared))) return shared
    const { image, isShared } = request.draft ?? (await this.#index(request))
    const key = isShared ? shared : `${shared}-${digestHex(request.chain)}`
    this.#write(key, image, request.durable)
    return key
  }

  /** What mille writes itself has every file in one piece: the tree needs none of its bytes. */
  async draft(table: LayerTable, below: readonly string[]): Promise<LayerDraft> {
    const layer = { entries: table.entries(), tar: -1, tarSize: table.size }
    return await this.#mounts.withMerged(below, (merged) => makeIndex(layer, new LayersBelow(merged)))
  }

  has(key: string): boolean {
    const tar = statSync(this.#tar(key), { throwIfNoEntry: false })
    return tar !== undefined && fitsDevice(readHead(this.#path(key)), tar.size)
  }

  async lower(key: string): Promise<string> {
    const target = this.#target(key)
    await this.#mounts.ensure(target, () => mountIndex(this.#path(key), this.#tar(key), target))
    return target
  }

  keys(): readonly string[] {
    return indexKeys(this.#folder)
  }

  async drop(key: string): Promise<number> {
    this.#mounts.removeTargets('layers', (name) => name === key || name.startsWith(`${key}@`))
    const bytes = statSync(this.#path(key), { throwIfNoEntry: false })?.size ?? 0
    rmSync(this.#path(key), { force: true })
    return bytes
  }

  async #index({ entries, tar, below }: LayerRequest): Promise<LayerDraft> {
    return await this.#mounts.withMerged(below, (merged) => {
      const file = openSync(tar, 'r')
      try {
        const layer = { entries, tar: file, tarSize: statSync(tar).size }
        return makeIndex(layer, new LayersBelow(merged))
      } finally {
        closeSync(file)
      }
    })
  }

  #write(key: string, image: Buffer, durable: boolean): void {
    const path = this.#staging.newPath()
    try {
      const file = openSync(path, 'wx', 0o600)
      try {
        for (let done = 0; done < image.length;) done += writeSync(file, image, done)
        if (durable) fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(path, this.#path(key))
      if (durable) syncPath(this.#folder)
    } catch (error) {
      rmSync(path, { force: true })
      throw fromNodeError(error, path)
    }
  }

  #tar(key: string): string {
    return this.#layers.tarPath(diffIdOfIndex(key))
  }

  #path(key: string): string {
    return indexPath(this.#folder, key)
  }

  /** Named by the very files that are mounted: what replaced damaged ones, or followed a crash, is mounted anew. */
  #target(key: string): string {
    const inodes = [this.#path(key), this.#tar(key)].map((path) => statSync(path, { bigint: true }).ino)
    return this.#mounts.path('layers', `${key}@${inodes.join('.')}`)
  }
}

function makeIndex(layer: Omit<LayerTreeInput, 'below'>, below: LayersBelow): LayerDraft {
  const image = writeErofs(buildLayerTree({ ...layer, below }))
  return { image, isShared: !below.asked }
}

/** Empty when there is none. */
function readHead(index: string): Buffer {
  try {
    const file = openSync(index, 'r')
    try {
      const head = Buffer.allocUnsafe(headLength)
      return head.subarray(0, readSync(file, head))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw fromNodeError(error, index)
  }
}

/** Cut to nothing, as a power cut leaves files, an index counts as missing: it is made again of the tar. */
function isWhole(index: string): boolean {
  return (statSync(index, { throwIfNoEntry: false })?.size ?? 0) > 0
}

/** Read-only by its nature; no device, program or setuid file is to be used through this mount itself. */
function mountIndex(index: string, tar: string, target: string): void {
  mountFileSystem({
    type: 'erofs',
    target,
    options: [{ key: 'source', value: index }, { key: 'device', value: tar }, { key: 'ro' }],
    attributes: mountAttributes.readOnly | mountAttributes.noSuid | mountAttributes.noDev,
  })
}

/**
 * Mounts an empty index and overlays it, as the store will. Fails before Linux 6.12, without the right to mount, and
 * on stores that lie on overlayfs.
 */
export const tryErofs: Trial = (folder) => {
  const root = { type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0n, children: new Map() } as const
  const index = join(folder, 'index')
  const tar = join(folder, 'tar')
  const lower = join(folder, 'layer')
  writeFileSync(tar, Buffer.alloc(1024))
  writeFileSync(index, writeErofs({ root, deviceSize: 1024 }))
  mkdirSync(lower)
  mountIndex(index, tar, lower)
  try {
    overlayOn(lower, folder)
  } finally {
    unmount(lower)
  }
}
