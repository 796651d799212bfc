import type { Readable } from 'node:stream'
import type { Descriptor } from '../../../oci/descriptor.ts'
import { diffIdAsDigest, type ChainId, type DiffId, type Digest } from '../../../oci/digest.ts'
import { ensureApplied } from '../../../store/ensure-applied.ts'
import type { Lease, Store } from '../../../store/store.ts'
import { eachLimited } from '../../../util/each-limited.ts'
import { failure, isMilleError, messageOf } from '../../../util/errors.ts'
import type { OpOptions } from '../../../util/progress.ts'
import { parseCache, type CacheDocument, type RemoteRecord } from './cache-document.ts'
import type { CachePlace } from './cache-place.ts'
import { unpackMount, type OriginOfMount } from './unpack-mount.ts'

const parallelDownloads = 3

export interface Origin {
  readonly place: CachePlace
  readonly blob: Descriptor
}

/** Told what became of a stack: whether it came, or the build ended without anybody needing it. */
export type Settled = (isHere: boolean) => Promise<void>

interface Pending {
  readonly diffIds: readonly DiffId[]
  readonly settled: Settled[]
}

/**
 * What other machines built (B77-B80). A hit costs nothing but the look-up: its layer is fetched when somebody needs the
 * files, so that a builder stage whose result is cached never comes here. Layers are verified against their diff IDs;
 * that a record's key belongs to its layer is the word of the source, which is trusted as an image is that one runs.
 */
export class ImportedCache {
  readonly #store: Store
  readonly #lease: Lease
  readonly #signal: AbortSignal | undefined
  readonly #records = new Map<Digest, RemoteRecord>()
  readonly #origins = new Map<DiffId, Origin>()
  readonly #mounts = new Map<string, OriginOfMount>()
  readonly #pending = new Map<ChainId, Pending>()
  readonly #fetching = new Map<DiffId, Promise<void>>()
  /** Why a layer could not be had: the build goes on without what was imported. */
  failure: string | undefined
  /** A layer is needed that an earlier build saw in a cache that is not at hand now. */
  isLost = false

  constructor(store: Store, lease: Lease, signal: AbortSignal | undefined) {
    this.#store = store
    this.#lease = lease
    this.#signal = signal
  }

  /** Reads all records of a place; its cache mounts of at most `mountBytes`. CACHE_INVALID, or what the place says. */
  async read(place: CachePlace, mountBytes: number, options: OpOptions): Promise<number> {
    const found = await place.read(options)
    // all of a place or nothing
    const documents = found.flatMap((manifest) => parseCache(manifest) ?? [])
    for (const document of documents) this.#add(place, document, mountBytes)
    return documents.reduce((sum, { records }) => sum + records.length, 0)
  }

  find(key: Digest): RemoteRecord | undefined {
    return this.#records.get(key)
  }

  /** Where a layer comes from, for who exports it again. */
  origin(diffId: DiffId): Origin | undefined {
    return this.#origins.get(diffId)
  }

  /** Where a cache mount comes from. */
  mount(key: string): OriginOfMount | undefined {
    return this.#mounts.get(key)
  }

  /** Fills an empty folder with a cache mount: the place it came from, undefined when there is none. As `unpackMount`. */
  async bringMount(key: string, folder: string): Promise<string | undefined> {
    const origin = this.#mounts.get(key)
    if (origin === undefined) return undefined
    await unpackMount(origin, folder, this.#signal)
    return origin.place.name
  }

  /** A stack that is known, but not here: `need` brings it. */
  postpone(chain: ChainId, diffIds: readonly DiffId[], settled?: Settled): void {
    const pending = this.#pending.get(chain) ?? { diffIds, settled: [] }
    if (settled !== undefined) pending.settled.push(settled)
    this.#pending.set(chain, pending)
  }

  /** At the end of a build that succeeded: what nobody needed stays where it is. */
  async settle(): Promise<void> {
    for (const { settled } of this.#pending.values()) for (const tell of settled) await tell(false)
  }

  /** For a build that runs once more: nothing is pending, no layer is lost. */
  restart(): void {
    this.#pending.clear()
    this.#fetching.clear()
    this.isLost = false
  }

  isPending(chain: ChainId | undefined): boolean {
    return chain !== undefined && this.#pending.has(chain)
  }

  /** Makes a stack usable. When that fails `failure` says why. */
  async need(chain: ChainId | undefined): Promise<void> {
    const pending = chain === undefined ? undefined : this.#pending.get(chain)
    if (chain === undefined || pending === undefined) return
    try {
      await eachLimited(pending.diffIds, parallelDownloads, (diffId) => this.bring(diffId))
      await ensureApplied(this.#store, pending.diffIds, { lease: this.#lease, signal: this.#signal })
      await this.#arrived(pending.diffIds)
    } catch (error) {
      if (isMilleError(error, 'LAYER_NOT_FOUND')) this.isLost = true
      else if (this.#signal?.aborted !== true && !isMilleError(error, 'CANCELED'))
        this.failure ??= messageOf(error)
      throw error
    }
  }

  /** A stack is there, and so are those that it stands on. */
  async #arrived(diffIds: readonly DiffId[]): Promise<void> {
    for (const [chain, pending] of this.#pending) {
      const isBelow = pending.diffIds.every((diffId, index) => diffIds[index] === diffId)
      if (!isBelow || !this.#pending.delete(chain)) continue
      for (const tell of pending.settled) await tell(true)
    }
  }

  /** The uncompressed layer in the store. */
  async bring(diffId: DiffId): Promise<void> {
    const running = this.#fetching.get(diffId) ?? this.#fetch(diffId)
    this.#fetching.set(diffId, running)
    await running
  }

  async #fetch(diffId: DiffId): Promise<void> {
    const { content, layers } = this.#store
    this.#lease.hold({ kind: 'blob', digest: diffIdAsDigest(diffId) })
    if ((await layers.find(diffId)) !== undefined) return
    const origin = this.#origins.get(diffId)
    if (origin === undefined) throw failure('LAYER_NOT_FOUND', { diffId })
    const { blob, place } = origin
    const options = { lease: this.#lease, signal: this.#signal }
    this.#lease.hold({ kind: 'blob', digest: blob.digest })
    if (!(await content.exists(blob))) {
      const body: Readable = await place.fetch(blob, { signal: this.#signal })
      await content.ingest(body, { ...options, expected: { digest: blob.digest, size: blob.size } })
    }
    await layers.inflate(blob, diffId, options)
  }

  #add(place: CachePlace, { records, layers, mounts }: CacheDocument, maxBytes: number): void {
    // the first place that knows a key is the one that was named first
    for (const record of records)
      for (const key of record.keys) if (!this.#records.has(key)) this.#records.set(key, record)
    for (const [diffId, blob] of layers)
      if (!this.#origins.has(diffId)) this.#origins.set(diffId, { place, blob })
    if (maxBytes === 0) return
    for (const [key, blob] of mounts)
      if (!this.#mounts.has(key)) this.#mounts.set(key, { place, blob, maxBytes })
  }
}
