import type { ChainId, DiffId } from '../oci/digest.ts'
import type { LayerEntry, LayerInfo, LayerOptions } from './store.ts'

export interface Snapshot {
  readonly key: string
  readonly parent?: ChainId
  readonly writable: boolean
  /** The merged root folder, mounted. */
  readonly path: string
}

export type PrepareOptions = { readonly shortLived?: boolean }

export type ChangeKind = 'A' | 'C' | 'D'
export interface Change {
  readonly kind: ChangeKind
  /** Absolute inside the root: `/etc/hosts`. */
  readonly path: string
}

export interface SnapshotUsage {
  readonly bytes: number
  readonly inodes: number
}

export interface CommitOptions extends LayerOptions {
  /**
   * `constant`: times from `since` (nanoseconds) on become `epoch` (seconds) in the tar, older ones stay (default).
   * `preserve`: true times in the tar, as Docker.
   */
  readonly timestamps?: 'constant' | 'preserve'
  readonly since?: bigint
  readonly epoch?: number
  /** Apply the layer here; default: on the snapshot's own parent. */
  readonly onto?: { readonly chain: ChainId | undefined }
}

/**
 * Stacks of layers that can be mounted, and writable snapshots on top of them.
 * `erofs`: layers are never unpacked; `unpacked`: one folder a layer under overlayfs; `copy`: plain copies (no mount at all).
 * One contract suite runs on all: test/contract/snapshotter.ts.
 */
export interface Snapshotter {
  readonly kind: 'erofs' | 'unpacked' | 'copy'
  /** Why this kind and not a better one, for `info`; absent for the best. */
  readonly reason?: string
  /**
   * A new layer from entries, as `LayerStore.write`. What `apply` on `parent` will need is made while the bytes are still
   * being written, where that is worth it.
   */
  write(
    entries: Iterable<LayerEntry>,
    parent: ChainId | undefined,
    options?: LayerOptions,
  ): Promise<LayerInfo>
  /** Makes layer `diffId` usable on top of `parent`. Idempotent, done once however many processes ask. */
  apply(diffId: DiffId, parent: ChainId | undefined, options?: LayerOptions): Promise<ChainId>
  /**
   * Are the layers of the whole stack there? False also when data is gone: applying makes it again. Chains in `whole`, which
   * the caller holds, are not looked at again; those found are added to it.
   */
  has(chain: ChainId, whole?: Set<ChainId>): Promise<boolean>
  /** A new writable snapshot, mounted; without `parent` on an empty root. CONFLICT kinds when the key exists. `shortLived`: nothing in it is ever synced. */
  prepare(key: string, parent: ChainId | undefined, options?: PrepareOptions): Promise<Snapshot>
  /** A read-only one. */
  view(key: string, parent: ChainId | undefined): Promise<Snapshot>
  /** Mounts an existing snapshot again (after a reboot); no-op when it is mounted. */
  mount(key: string): Promise<Snapshot>
  unmount(key: string): Promise<void>
  /** Paths that differ from the parent, sorted, parents before children. */
  changes(key: string): AsyncIterable<Change>
  /** Writes the changes as a layer and applies it; the snapshot stays as it is. Undefined when nothing changed. */
  commit(
    key: string,
    options?: CommitOptions,
  ): Promise<{ readonly layer: LayerInfo; readonly chain: ChainId } | undefined>
  /** Also one that another kind of snapshotter made in this store. SNAPSHOT_NOT_FOUND. */
  remove(key: string): Promise<void>
  /** Bytes and inodes of the writable part. */
  usage(key: string): Promise<SnapshotUsage>
  /** Keys of all snapshots, whichever kind made them, with the chain each stands on. */
  list(): Promise<readonly { readonly key: string; readonly parent?: ChainId }[]>
  /** All applied chains, with their diff ID and parent. */
  chains(): Promise<readonly ChainInfo[]>
  /**
   * Drops chains that no snapshot and no other chain stands on; only the collector calls it, inside a transaction: when
   * the call returns, before its promise settles, `has` finds none of them any more (renamed aside with sync calls),
   * so that nobody who holds a chain from now on can take it for present. Resolves with the bytes freed, those of data
   * without a chain (left by a crash) too. `idleKinds`, when nobody is at work: also what another kind of snapshotter
   * made and nothing is mounted on; it is made again when that kind comes back.
   */
  removeChains(chains: readonly ChainId[], options?: { readonly idleKinds?: boolean }): Promise<number>
}

/** One applied layer on its parent. */
export interface ChainInfo {
  readonly chain: ChainId
  readonly diffId: DiffId
  readonly parent?: ChainId
}
