import type { CollectReport, Damage, PartialDownload } from './reports.ts'
import { join } from 'node:path'
import type { EventLog } from './event-log.ts'
import { openEventLog } from './events/event-file.ts'
import { check } from './gc/check.ts'
import { collect } from './gc/collect.ts'
import { findPartials } from './gc/partials.ts'
import { isOtherBoot, recoverAfterBoot } from './gc/recover.ts'
import type { BlobLayers } from './layers/open-layers.ts'
import { openLayers } from './layers/open-layers.ts'
import { heldNames, openLease } from './metadata/leases.ts'
import { keepReserve } from './metadata/reserve.ts'
import { DatabaseRecordStore } from './metadata/records.ts'
import type { StoreCore } from './open-core.ts'
import { makeFolder, openCore } from './open-core.ts'
import { openSnapshots } from './snapshots/open-snapshots.ts'
import type { RecordKind, RecordStore } from './record-store.ts'
import type {
  BlobStore,
  CacheStore,
  CheckOptions,
  CollectOptions,
  ImageStore,
  LayerStore,
  Lease,
  LeaseOptions,
  LockOptions,
  Store,
} from './store.ts'
import type { Snapshotter } from './snapshotter.ts'

export interface OpenStoreOptions {
  /** Default: found by probing. */
  readonly snapshotter?: Snapshotter['kind'] | undefined
  /** Closing the store is the last thing that this process does: spares the database's own closing. */
  readonly processEnds?: boolean | undefined
  /** One line for the user: something was left out. */
  readonly warn?: ((message: string) => void) | undefined
}

/**
 * Opens the store below `root`, making it when there is none; several processes may have it open at once. Cheap: layers
 * and snapshots are opened, and the snapshotter probed for, at their first use.
 * Errors: STORE_DAMAGED, STORE_TOO_NEW, SQLITE_TOO_OLD, or the system's refusal (PATH_PERMISSION, NO_SPACE, …).
 */
export async function openStore(root: string, options: OpenStoreOptions = {}): Promise<Store> {
  const core = await openCore(root, { processEnds: options.processEnds })
  const store = new OpenedStore(core, options)
  try {
    if (isOtherBoot(core.database)) await recoverAfterBoot({ ...core, ...store.parts() }, core.content)
    return store
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

class OpenedStore implements Store {
  readonly root: string
  readonly content: BlobStore
  readonly images: ImageStore
  readonly cache: CacheStore
  readonly events: EventLog
  readonly #core: StoreCore
  readonly #options: OpenStoreOptions
  #layers: BlobLayers | undefined
  #snapshots: Snapshotter | undefined

  constructor(core: StoreCore, options: OpenStoreOptions) {
    this.root = core.root
    this.content = core.content
    this.images = core.images
    this.cache = core.cache
    this.events = openEventLog(core.root)
    this.#core = core
    this.#options = options
  }

  get layers(): LayerStore {
    return this.#openLayers()
  }

  get snapshots(): Snapshotter {
    this.#snapshots ??= openSnapshots({
      folder: join(this.root, 'snapshots'),
      layers: this.#openLayers(),
      lock: (name, options) => this.#core.locks.acquire(name, options),
      kind: this.#options.snapshotter,
      warn: this.#options.warn,
    })
    return this.#snapshots
  }

  parts(): { readonly layers: LayerStore; readonly snapshots: Snapshotter } {
    return { layers: this.layers, snapshots: this.snapshots }
  }

  records<Data>(kind: RecordKind): RecordStore<Data> {
    return new DatabaseRecordStore<Data>(this.#core.database, kind)
  }

  async folder(...parts: readonly string[]): Promise<string> {
    return makeFolder(this.root, parts)
  }

  async lease(purpose: string, options?: LeaseOptions): Promise<Lease> {
    return openLease(this.#core.database, this.#core.volatile, purpose, options)
  }

  held(): ReadonlySet<string> {
    return heldNames(this.#core.database)
  }

  lock(name: string, options?: LockOptions): Promise<AsyncDisposable> {
    return this.#core.locks.acquire(name, options)
  }

  collect(options?: CollectOptions): Promise<CollectReport> {
    return collect({ ...this.#core, ...this.parts() }, options)
  }

  check(options?: CheckOptions): Promise<readonly Damage[]> {
    return check(this.#core, options)
  }

  partials(): Promise<readonly PartialDownload[]> {
    return findPartials({ ...this.#core, ...this.parts() })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#layers?.[Symbol.asyncDispose]()
    if (!this.#core.database.readOnly) keepReserve(this.root)
    this.#core.database.close()
  }

  #openLayers(): BlobLayers {
    this.#layers ??= openLayers({ content: this.content, folder: join(this.root, 'layers') })
    return this.#layers
  }
}
