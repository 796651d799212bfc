import { closeSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openFolder } from '../../linux/openat2.ts'
import { walkTree } from '../../linux/walk-tree.ts'
import { chainId, digestHex, type ChainId, type DiffId } from '../../oci/digest.ts'
import type {
  ChainInfo,
  Change,
  CommitOptions,
  LayerInfo,
  LayerOptions,
  Snapshot,
  Snapshotter,
  SnapshotUsage,
} from '../store.ts'
import { type ChainRecord, ChainRecords } from './chain-records.ts'
import type { LayerBackend, RootMetadata, SnapshotDependencies } from './dependencies.ts'
import { layerTime } from './layer-times.ts'
import { mountOverlay } from './overlay.ts'
import type { PrivateMounts } from './private-mounts.ts'
import { makeRootFolder, plainRoot, rootAfter } from './root-metadata.ts'
import { SnapshotFolders, type SnapshotRecord } from './snapshot-folders.ts'
import type { Staging } from './staging.ts'
import { upperChanges } from './upper-changes.ts'
import { upperEntries } from './upper-entries.ts'

export interface OverlayParts {
  readonly backend: LayerBackend
  readonly mounts: PrivateMounts
  readonly staging: Staging
  readonly dependencies: SnapshotDependencies
  readonly reason?: string | undefined
}

/** Snapshots as overlay mounts; how a layer becomes a lower folder is the backend's concern. */
export class OverlaySnapshots implements Snapshotter {
  readonly kind: Snapshotter['kind']
  readonly reason?: string
  readonly #backend: LayerBackend
  readonly #mounts: PrivateMounts
  readonly #records: ChainRecords
  readonly #folders: SnapshotFolders
  readonly #given: SnapshotDependencies

  constructor({ backend, mounts, staging, dependencies, reason }: OverlayParts) {
    if (reason !== undefined) this.reason = reason
    this.kind = backend.kind
    this.#backend = backend
    this.#mounts = mounts
    this.#given = dependencies
    this.#records = new ChainRecords(join(dependencies.folder, 'chains', backend.kind), staging)
    this.#folders = new SnapshotFolders(join(dependencies.folder, 'active'), staging)
  }

  async apply(diffId: DiffId, parent: ChainId | undefined, options: LayerOptions = {}): Promise<ChainId> {
    const chain = chainId(parent, diffId)
    options.lease?.hold({ kind: 'chain', chain })
    if (this.#records.has(chain)) return chain
    await using _ = await this.#given.lock(`chain-${digestHex(chain)}`)
    // another process may have been first
    if (this.#records.has(chain)) return chain
    const below = this.#records.stack(parent)
    const entries = await this.#given.layers.entries(diffId)
    const root = below[0]?.root ?? plainRoot
    const key = await this.#backend.build({
      diffId,
      chain,
      entries,
      tar: this.#given.layers.tarPath(diffId),
      below: await this.#lowerFolders(below),
      root,
      durable: options.lease?.deferred !== true,
      signal: options.signal,
    })
    const record = {
      diffId,
      ...(parent === undefined ? {} : { parent }),
      key,
      root: rootAfter(entries, root),
    }
    const deferred = options.lease?.defer({ kind: 'chain', chain }) === true
    return this.#records.put(record, !deferred)
  }

  async has(chain: ChainId): Promise<boolean> {
    return this.#records.has(chain)
  }

  async prepare(key: string, parent: ChainId | undefined): Promise<Snapshot> {
    const root = this.#rootOf(parent)
    this.#folders.create(key, snapshotRecord(parent, true), (folder) => {
      makeRootFolder(join(folder, 'upper'), root)
      mkdirSync(join(folder, 'work'), { mode: 0o700 })
      mkdirSync(join(folder, 'empty'), { mode: 0o700 })
    })
    return await this.mount(key)
  }

  async view(key: string, parent: ChainId | undefined): Promise<Snapshot> {
    const root = this.#rootOf(parent)
    this.#folders.create(key, snapshotRecord(parent, false), (folder) => {
      // the top layer's root is the one that shows
      makeRootFolder(join(folder, 'root'), root)
      mkdirSync(join(folder, 'empty'), { mode: 0o700 })
    })
    return await this.mount(key)
  }

  async mount(key: string): Promise<Snapshot> {
    const record = this.#folders.get(key)
    const target = this.#target(key)
    const lower = await this.#lowerFolders(this.#records.stack(record.parent))
    if (lower.length === 0) lower.push(this.#folders.path(key, 'empty'))
    await this.#mounts.ensure(target, () => {
      const upper = { folder: this.#folders.path(key, 'upper'), work: this.#folders.path(key, 'work') }
      if (record.writable) mountOverlay({ lower, upper, target })
      else mountOverlay({ lower: [this.#folders.path(key, 'root'), ...lower], target })
    })
    return { key, ...parentOf(record), writable: record.writable, path: target }
  }

  async unmount(key: string): Promise<void> {
    this.#folders.get(key)
    this.#mounts.release(this.#target(key))
  }

  async *changes(key: string): AsyncGenerator<Change> {
    const record = this.#folders.get(key)
    if (!record.writable) return
    yield* await this.#withUpper(key, record, (upper, lower) =>
      [...upperChanges(upper, lower)].map(({ kind, path }) => ({ kind, path: `/${path}` })),
    )
  }

  async commit(
    key: string,
    options: CommitOptions = {},
  ): Promise<{ readonly layer: LayerInfo; readonly chain: ChainId } | undefined> {
    const record = this.#folders.get(key)
    if (!record.writable) return undefined
    const layer = await this.#withUpper(key, record, async (upper, lower) => {
      const root = this.#rootOf(record.parent)
      const warn = this.#given.warn ?? ((): void => undefined)
      const entries = upperEntries({ upper, lower, root, tarTime: layerTime(options), warn })
      const first = entries.next()
      if (first.done === true) return undefined
      return await this.#given.layers.write(startingWith(first.value, entries), options)
    })
    if (layer === undefined) return undefined
    return { layer, chain: await this.apply(layer.diffId, record.parent, options) }
  }

  async remove(key: string): Promise<void> {
    this.#folders.get(key)
    this.#mounts.removeTarget(this.#target(key))
    this.#folders.remove(key)
  }

  async usage(key: string): Promise<SnapshotUsage> {
    const record = this.#folders.get(key)
    if (!record.writable) return { bytes: 0, inodes: 0 }
    const upper = openFolder(this.#folders.path(key, 'upper'))
    try {
      return measure(upper)
    } finally {
      closeSync(upper)
    }
  }

  async list(): Promise<readonly { readonly key: string; readonly parent?: ChainId }[]> {
    return this.#folders.list().map(({ key, record }) => ({ key, ...parentOf(record) }))
  }

  async chains(): Promise<readonly ChainInfo[]> {
    return this.#records
      .list()
      .map(({ chain, record }) => ({ chain, diffId: record.diffId, ...parentOf(record) }))
  }

  async removeChains(chains: readonly ChainId[]): Promise<number> {
    const doomed = new Set(chains)
    const all = this.#records.list()
    const usedKeys = new Set(all.filter(({ chain }) => !doomed.has(chain)).map(({ record }) => record.key))
    const gone = all.filter(({ chain }) => doomed.has(chain))
    // all records go first, at once: a chain without its data must not be found
    for (const { chain } of gone) this.#records.remove(chain)
    let bytes = 0
    for (const key of new Set(gone.map(({ record }) => record.key)))
      if (!usedKeys.has(key)) bytes += await this.#backend.drop(key)
    return bytes
  }

  #target(key: string): string {
    return this.#mounts.path('active', key)
  }

  #rootOf(parent: ChainId | undefined): RootMetadata {
    return parent === undefined ? plainRoot : this.#records.get(parent).root
  }

  /**
   * Top first. overlayfs takes no folder twice; of a layer that is in the stack more than once the topmost is enough:
   * it brings everything again that the lower one brought.
   */
  async #lowerFolders(stack: readonly ChainRecord[]): Promise<string[]> {
    const folders: string[] = []
    for (const key of new Set(stack.map((record) => record.key))) folders.push(await this.#backend.lower(key))
    return folders
  }

  /** Handles of the upper folder and of a merged view of what lies below it. */
  async #withUpper<Result>(
    key: string,
    record: SnapshotRecord,
    use: (upper: number, lower: number | undefined) => Result | Promise<Result>,
  ): Promise<Result> {
    const lower = await this.#lowerFolders(this.#records.stack(record.parent))
    const upper = openFolder(this.#folders.path(key, 'upper'))
    try {
      return await this.#mounts.withMerged(lower, (below) => use(upper, below))
    } finally {
      closeSync(upper)
    }
  }
}

function snapshotRecord(parent: ChainId | undefined, writable: boolean): SnapshotRecord {
  return parent === undefined ? { writable } : { parent, writable }
}

function parentOf(record: { readonly parent?: ChainId }): { readonly parent?: ChainId } {
  return record.parent === undefined ? {} : { parent: record.parent }
}

function* startingWith<Item>(first: Item, rest: Iterable<Item>): Generator<Item> {
  yield first
  yield* rest
}

function measure(folder: number): SnapshotUsage {
  const seen = new Set<bigint>()
  let bytes = 0
  for (const { status } of walkTree(folder)) {
    if (seen.has(status.inode)) continue
    seen.add(status.inode)
    bytes += status.blocks * 512
  }
  return { bytes, inodes: seen.size + 1 }
}
