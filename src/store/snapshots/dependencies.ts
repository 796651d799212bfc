import type { ChainId, DiffId } from '../../oci/digest.ts'
import type { LayerEntry, LayerInfo, LayerOptions } from '../store.ts'
import type { Snapshotter } from '../snapshotter.ts'
import type { LayerTable } from '../layers/layer-table.ts'
import type { LocalTimes } from '../layers/local-times.ts'
import type { WasThere, WriteBeside } from '../layers/write-beside.ts'
import type { StoredEntry } from '../layers/stored-entry.ts'

/** A lock between processes; `name` is a plain word. A `shared` one may be held by many, or be made exclusive. */
export type LockFunction = (
  name: string,
  options?: { readonly shared?: boolean; readonly timeout?: number; readonly lasting?: () => boolean },
) => Promise<AsyncDisposable>

/** What the snapshotters need of the layer store. */
export interface LayerTables {
  /** The checked entries of a layer. LAYER_NOT_FOUND when the store does not have it. */
  entries(diffId: DiffId): Promise<readonly StoredEntry[]>
  /** LAYER_NOT_FOUND as well. */
  localTimes(diffId: DiffId): Promise<LocalTimes>
  /** The uncompressed tar. */
  tarPath(diffId: DiffId): string
  write(entries: Iterable<LayerEntry>, options?: LayerOptions & WriteBeside): Promise<LayerInfo & WasThere>
}

export interface SnapshotDependencies {
  /** A folder of the store for snapshots alone, mode 0700. */
  readonly folder: string
  readonly layers: LayerTables
  readonly lock: LockFunction
  /** One line for the user: something was left out. */
  readonly warn?: ((message: string) => void) | undefined
}

/** What the root folder of a stack looks like. */
export interface RootMetadata {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: bigint
  readonly xattrs: ReadonlyMap<string, Uint8Array>
}

export interface LayerRequest {
  readonly diffId: DiffId
  readonly chain: ChainId
  readonly entries: readonly StoredEntry[]
  readonly tar: string
  /** Folders of the layers below, top first; empty for the first layer. */
  readonly below: readonly string[]
  readonly root: RootMetadata
  /** False when someone else will sync the file system before the layer counts. */
  readonly durable: boolean
  readonly draft?: LayerDraft | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a backend could make of a layer before its bytes were all written. */
export interface LayerDraft {
  readonly image: Buffer
  /** Is it the same on every parent? */
  readonly isShared: boolean
}

/** One way of turning a layer into a folder that overlayfs can take as a lower one. */
export interface LayerBackend {
  readonly kind: Snapshotter['kind']
  /** Begins `build`, while the tar is still being written, so that its bytes cannot be read. */
  draft?(table: LayerTable, below: readonly string[]): Promise<LayerDraft>
  /** Makes the layer durable; returns the key that names it. Called under the chain's lock, repeated after a crash. */
  build(request: LayerRequest): Promise<string>
  /** Is the data of `key` there, as far as one look tells? */
  has(key: string): boolean
  /** The layer's folder, mounted when need be. */
  lower(key: string): Promise<string>
  /** Keys of all layers that there is data of, also of those a crash left without a record. */
  keys(): readonly string[]
  /** Bytes freed. */
  drop(key: string): Promise<number>
}
