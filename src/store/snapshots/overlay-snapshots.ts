import { closeSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openFolder } from '../../linux/openat2.ts'
import type { ChainId, DiffId } from '../../oci/digest.ts'
import type { LayerEntry, LayerInfo, LayerOptions } from '../store.ts'
import type {
  ChainInfo,
  Change,
  CommitOptions,
  Snapshot,
  Snapshotter,
  SnapshotUsage,
} from '../snapshotter.ts'
import type { AppliedChains } from './applied-chains.ts'
import { commitChanges, type CommitParts } from './commit-changes.ts'
import type { SnapshotDependencies } from './dependencies.ts'
import { HideLocalTimes } from './hide-local-times.ts'
import { mountOverlay } from './overlay.ts'
import { listSnapshots, type ListedSnapshot, type OtherSnapshots } from './other-snapshots.ts'
import type { PrivateMounts } from './private-mounts.ts'
import { makeRootFolder } from './root-metadata.ts'
import { parentOf, SnapshotFolders, snapshotRecord, type SnapshotRecord } from './snapshot-folders.ts'
import { measureFolder } from './measure-folder.ts'
import type { Staging } from './staging.ts'
import { upperChanges } from './upper-changes.ts'

export interface OverlayParts {
  readonly kind: Snapshotter['kind']
  readonly chains: AppliedChains
  readonly mounts: PrivateMounts
  readonly staging: Staging
  readonly dependencies: SnapshotDependencies
  readonly others: OtherSnapshots
  readonly reason?: string | undefined
}

/** Snapshots as overlay mounts; how a layer becomes a lower folder is the backend's concern. */
export class OverlaySnapshots implements Snapshotter {
  readonly kind: Snapshotter['kind']
  readonly reason?: string
  readonly #mounts: PrivateMounts
  readonly #chains: AppliedChains
  readonly #folders: SnapshotFolders
  readonly #others: OtherSnapshots
  readonly #commit: CommitParts

  constructor({ kind, chains, mounts, staging, dependencies, others, reason }: OverlayParts) {
    if (reason !== undefined) this.reason = reason
    this.kind = kind
    this.#mounts = mounts
    this.#chains = chains
    this.#others = others
    const localTimes = new HideLocalTimes(dependencies.layers, (chain) => chains.diffIds(chain))
    this.#commit = { chains, dependencies, localTimes }
    this.#folders = new SnapshotFolders(join(dependencies.folder, 'active'), staging)
  }

  async apply(diffId: DiffId, parent: ChainId | undefined, options: LayerOptions = {}): Promise<ChainId> {
    return await this.#chains.apply(diffId, parent, options)
  }

  async write(
    entries: Iterable<LayerEntry>,
    parent: ChainId | undefined,
    options: LayerOptions = {},
  ): Promise<LayerInfo> {
    return await this.#chains.write(entries, parent, options)
  }

  async has(chain: ChainId, whole?: Set<ChainId>): Promise<boolean> {
    return this.#chains.has(chain, whole)
  }

  async prepare(
    key: string,
    parent: ChainId | undefined,
    options: { readonly shortLived?: boolean } = {},
  ): Promise<Snapshot> {
    const root = await this.#chains.rootOf(parent)
    const { shortLived = false } = options
    this.#folders.create(key, { ...snapshotRecord(parent, true), shortLived }, (folder) => {
      makeRootFolder(join(folder, 'upper'), root)
      mkdirSync(join(folder, 'work'), { mode: 0o700 })
      mkdirSync(join(folder, 'empty'), { mode: 0o700 })
    })
    return await this.mount(key)
  }

  async view(key: string, parent: ChainId | undefined): Promise<Snapshot> {
    const root = await this.#chains.rootOf(parent)
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
    const lower = await this.#chains.lower(record.parent)
    if (lower.length === 0) lower.push(this.#folders.path(key, 'empty'))
    await this.#mounts.ensure(target, () => {
      const work = this.#folders.path(key, 'work')
      const volatile = record.shortLived === true
      // overlayfs's mark that a volatile mount was not ended in order: it would refuse to be mounted again
      if (volatile) rmSync(join(work, 'work', 'incompat'), { recursive: true, force: true })
      const upper = { folder: this.#folders.path(key, 'upper'), work, volatile }
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
    return await commitChanges(
      this.#commit,
      record.parent,
      (use) => this.#withUpper(key, record, (upper, lower) => use(upper, upperChanges(upper, lower))),
      options,
    )
  }

  async remove(key: string): Promise<void> {
    if (!this.#folders.has(key)) return this.#others.remove(key)
    this.#mounts.removeTarget(this.#target(key))
    this.#folders.remove(key)
  }

  async usage(key: string): Promise<SnapshotUsage> {
    const record = this.#folders.get(key)
    if (!record.writable) return { bytes: 0, inodes: 0 }
    const upper = openFolder(this.#folders.path(key, 'upper'))
    try {
      return measureFolder(upper)
    } finally {
      closeSync(upper)
    }
  }

  async list(): Promise<readonly ListedSnapshot[]> {
    return [...listSnapshots(this.#folders), ...this.#others.list()]
  }

  async chains(): Promise<readonly ChainInfo[]> {
    return this.#chains.list()
  }

  removeChains(chains: readonly ChainId[], options: { readonly idleKinds?: boolean } = {}): Promise<number> {
    return this.#chains.remove(chains, options.idleKinds === true)
  }

  #target(key: string): string {
    return this.#mounts.path('active', key)
  }

  /** Handles of the upper folder and of a merged view of what lies below it. */
  async #withUpper<Result>(
    key: string,
    record: SnapshotRecord,
    use: (upper: number, lower: number | undefined) => Result | Promise<Result>,
  ): Promise<Result> {
    const lower = await this.#chains.lower(record.parent)
    const upper = openFolder(this.#folders.path(key, 'upper'))
    try {
      return await this.#mounts.withMerged(lower, (below) => use(upper, below))
    } finally {
      closeSync(upper)
    }
  }
}
