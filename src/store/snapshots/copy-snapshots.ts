import { closeSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyTreeIntoFolder } from '../../linux/copy-tree.ts'
import { currentFolder, openFolder } from '../../linux/openat2.ts'
import { findStatus, statx } from '../../linux/statx.ts'
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
import { measureFolder } from './measure-folder.ts'
import { makeRootFolder } from './root-metadata.ts'
import { listSnapshots, type ListedSnapshot, type OtherSnapshots } from './other-snapshots.ts'
import { parentOf, SnapshotFolders, snapshotRecord, type SnapshotRecord } from './snapshot-folders.ts'
import type { Staging } from './staging.ts'
import { treeChanges } from './tree-changes.ts'

export interface CopyParts {
  readonly chains: AppliedChains
  readonly staging: Staging
  readonly dependencies: SnapshotDependencies
  readonly others: OtherSnapshots
  readonly reason?: string | undefined
}

/** Snapshots as plain copies: slow and large, but they need no mounts. A view is a copy too, so it can be written to. */
export class CopySnapshots implements Snapshotter {
  readonly kind = 'copy'
  readonly reason?: string
  readonly #chains: AppliedChains
  readonly #folders: SnapshotFolders
  readonly #others: OtherSnapshots
  readonly #commit: CommitParts

  constructor({ chains, staging, dependencies, others, reason }: CopyParts) {
    if (reason !== undefined) this.reason = reason
    this.#chains = chains
    this.#others = others
    const localTimes = new HideLocalTimes(dependencies.layers, (chain) => chains.diffIds(chain))
    this.#commit = { chains, dependencies, localTimes }
    this.#folders = new SnapshotFolders(join(dependencies.folder, 'copies'), staging)
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

  async prepare(key: string, parent: ChainId | undefined): Promise<Snapshot> {
    return await this.#create(key, snapshotRecord(parent, true))
  }

  async view(key: string, parent: ChainId | undefined): Promise<Snapshot> {
    return await this.#create(key, snapshotRecord(parent, false))
  }

  async mount(key: string): Promise<Snapshot> {
    const record = this.#folders.get(key)
    return { key, ...parentOf(record), writable: record.writable, path: this.#folders.path(key, 'root') }
  }

  async unmount(key: string): Promise<void> {
    this.#folders.get(key)
  }

  async *changes(key: string): AsyncGenerator<Change> {
    yield* await this.#compare(key, (tree, base) =>
      [...treeChanges(tree, base, this.#copied(key))].map(({ kind, path }) => ({ kind, path: `/${path}` })),
    )
  }

  async commit(
    key: string,
    options: CommitOptions = {},
  ): Promise<{ readonly layer: LayerInfo; readonly chain: ChainId } | undefined> {
    return await commitChanges(
      this.#commit,
      this.#folders.get(key).parent,
      (use) => this.#compare(key, (tree, base) => use(tree, treeChanges(tree, base, this.#copied(key)))),
      options,
    )
  }

  async remove(key: string): Promise<void> {
    if (!this.#folders.has(key)) return this.#others.remove(key)
    this.#folders.remove(key)
  }

  async usage(key: string): Promise<SnapshotUsage> {
    this.#folders.get(key)
    const tree = openFolder(this.#folders.path(key, 'root'))
    try {
      return measureFolder(tree)
    } finally {
      closeSync(tree)
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

  async #create(key: string, record: SnapshotRecord): Promise<Snapshot> {
    const [base] = await this.#chains.lower(record.parent)
    const root = await this.#chains.rootOf(record.parent)
    this.#folders.create(key, record, (folder) => {
      makeRootFolder(join(folder, 'root'), root)
      if (base !== undefined) copyTreeIntoFolder(base, '/', join(folder, 'root'))
      markCopied(folder)
    })
    return await this.mount(key)
  }

  /** Undefined for a snapshot of an earlier release. */
  #copied(key: string): bigint | undefined {
    return findStatus(currentFolder, this.#folders.path(key, copiedMark))?.ctime
  }

  async #compare<Result>(
    key: string,
    use: (tree: number, base: number | undefined) => Result | Promise<Result>,
  ): Promise<Result> {
    const [below] = await this.#chains.lower(this.#folders.get(key).parent)
    const tree = openFolder(this.#folders.path(key, 'root'))
    const base = below === undefined ? undefined : openFolder(below)
    try {
      return await use(tree, base)
    } finally {
      closeSync(tree)
      if (base !== undefined) closeSync(base)
    }
  }
}

/** Its ctime is that of the end of copying, by the file system's own clock. */
const copiedMark = 'copied'

/** The clock goes in steps of some milliseconds: the next change must get a later time than the last copy. */
function markCopied(folder: string): void {
  const later = join(folder, 'later')
  writeFileSync(join(folder, copiedMark), '')
  const { ctime } = statx(currentFolder, join(folder, copiedMark))
  do writeFileSync(later, '')
  while (statx(currentFolder, later).ctime <= ctime)
  rmSync(later)
}
