import { join } from 'node:path'
import { chainId, digestHex, type ChainId, type DiffId } from '../../oci/digest.ts'
import type { ChainInfo, LayerOptions } from '../store.ts'
import { type ChainRecord, ChainRecords } from './chain-records.ts'
import type { LayerBackend, RootMetadata, SnapshotDependencies } from './dependencies.ts'
import { plainRoot, rootAfter } from './root-metadata.ts'
import type { Staging } from './staging.ts'

/** Held shared while a chain comes to use a layer's data, alone while unused data is dropped. */
const keysLock = 'layer-keys'
/** Milliseconds: a large layer on a slow disk takes minutes to unpack. */
const timeout = 1_800_000

/** The chains of one backend: applying layers, finding stacks, dropping what nobody needs. */
export class AppliedChains {
  readonly #backend: LayerBackend
  readonly #records: ChainRecords
  readonly #given: SnapshotDependencies

  constructor(backend: LayerBackend, dependencies: SnapshotDependencies, staging: Staging) {
    this.#backend = backend
    this.#given = dependencies
    this.#records = new ChainRecords(join(dependencies.folder, 'chains', backend.kind), staging)
  }

  has(chain: ChainId): boolean {
    return this.#records.has(chain)
  }

  /** See `Snapshotter.apply`. */
  async apply(diffId: DiffId, parent: ChainId | undefined, options: LayerOptions): Promise<ChainId> {
    const chain = chainId(parent, diffId)
    options.lease?.hold({ kind: 'chain', chain })
    if (this.#records.has(chain)) return chain
    await using _ = await this.#given.lock(`chain-${digestHex(chain)}`, { timeout })
    // another process may have been first
    if (this.#records.has(chain)) return chain
    await using _keys = await this.#given.lock(keysLock, { shared: true, timeout })
    const below = this.#records.stack(parent)
    const entries = await this.#given.layers.entries(diffId)
    const root = below[0]?.root ?? plainRoot
    const key = await this.#backend.build({
      diffId,
      chain,
      entries,
      tar: this.#given.layers.tarPath(diffId),
      below: await this.#lowerOf(below),
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

  /** Metadata of the root folder of a stack. CHAIN_NOT_FOUND. */
  rootOf(chain: ChainId | undefined): RootMetadata {
    return chain === undefined ? plainRoot : this.#records.get(chain).root
  }

  /** Folders of a stack, top first, mounted where need be. CHAIN_NOT_FOUND. */
  async lower(chain: ChainId | undefined): Promise<string[]> {
    return await this.#lowerOf(this.#records.stack(chain))
  }

  list(): ChainInfo[] {
    return this.#records.list().map(({ chain, record }) => ({
      chain,
      diffId: record.diffId,
      ...(record.parent === undefined ? {} : { parent: record.parent }),
    }))
  }

  /** See `Snapshotter.removeChains`: the records are gone when this returns, the data when its promise settles. */
  remove(chains: readonly ChainId[]): Promise<number> {
    for (const chain of chains) this.#records.remove(chain)
    return this.#dropUnused()
  }

  /** Data without a record: of the chains just removed, or left by a crash. Nobody builds while the lock is held. */
  async #dropUnused(): Promise<number> {
    await using _ = await this.#given.lock(keysLock, { timeout })
    const used = new Set(this.#records.list().map(({ record }) => record.key))
    let bytes = 0
    for (const key of this.#backend.keys()) if (!used.has(key)) bytes += await this.#backend.drop(key)
    return bytes
  }

  /**
   * overlayfs takes no folder twice; of a layer that is in the stack more than once the topmost is enough: it brings
   * everything again that the lower one brought.
   */
  async #lowerOf(stack: readonly ChainRecord[]): Promise<string[]> {
    const folders: string[] = []
    for (const key of new Set(stack.map((record) => record.key))) folders.push(await this.#backend.lower(key))
    return folders
  }
}
