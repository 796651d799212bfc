import { chainId, digestHex, type ChainId, type DiffId } from '../../oci/digest.ts'
import { isMilleError } from '../../util/errors.ts'
import type { LayerTable } from '../layers/layer-table.ts'
import type { LayerEntry, LayerInfo, LayerOptions } from '../store.ts'
import type { ChainInfo } from '../snapshotter.ts'
import type { ChainRecord, ChainRecords } from './chain-records.ts'
import type { LayerBackend, LayerDraft, RootMetadata, SnapshotDependencies } from './dependencies.ts'
import type { OtherKinds } from './other-kinds.ts'
import { plainRoot, rootAfter } from './root-metadata.ts'

/** Held shared while a chain comes to use a layer's data, alone while unused data is dropped. */
const keysLock = 'layer-keys'
/** Milliseconds: a large layer on a slow disk takes minutes to unpack. */
const timeout = 1_800_000
/** Milliseconds that dropping data waits for those who apply layers; what is not dropped goes with the next collection. */
const dropTimeout = 5000

interface Drafted {
  readonly diffId: DiffId
  readonly parent: ChainId | undefined
  readonly draft: LayerDraft
}

export interface AppliedChainsParts {
  readonly backend: LayerBackend
  readonly records: ChainRecords
  readonly dependencies: SnapshotDependencies
  readonly others: OtherKinds
}

/** The chains of one backend: applying layers, finding stacks, dropping what nobody needs. */
export class AppliedChains {
  readonly #backend: LayerBackend
  readonly #records: ChainRecords
  readonly #given: SnapshotDependencies
  readonly #others: OtherKinds
  /** Of the layer that was written last: it is applied next, as a rule. */
  #drafted: Drafted | undefined

  constructor({ backend, records, dependencies, others }: AppliedChainsParts) {
    this.#backend = backend
    this.#given = dependencies
    this.#records = records
    this.#others = others
  }

  /** See `Snapshotter.has`. */
  has(chain: ChainId, whole: Set<ChainId> = new Set()): boolean {
    const looked: ChainId[] = []
    for (let next: ChainId | undefined = chain; next !== undefined && !whole.has(next);) {
      const record = this.#records.find(next)
      if (record === undefined || !this.#backend.has(record.key)) return false
      looked.push(next)
      next = record.parent
    }
    for (const one of looked) whole.add(one)
    return true
  }

  /** See `Snapshotter.write`. */
  async write(
    entries: Iterable<LayerEntry>,
    parent: ChainId | undefined,
    options: LayerOptions,
  ): Promise<LayerInfo> {
    const { layers } = this.#given
    let draft: LayerDraft | undefined
    const beside = async (table: LayerTable): Promise<void> => {
      draft = await this.#backend.draft?.(table, await this.lower(parent))
    }
    const { wasThere, ...layer } = await layers.write(entries, { ...options, beside })
    // the index of a layer that was there has the times of its own table
    this.#drafted = wasThere || draft === undefined ? undefined : { diffId: layer.diffId, parent, draft }
    return layer
  }

  /** See `Snapshotter.apply`. */
  async apply(diffId: DiffId, parent: ChainId | undefined, options: LayerOptions): Promise<ChainId> {
    const chain = chainId(parent, diffId)
    options.lease?.hold({ kind: 'chain', chain })
    const draft = this.#takeDraft(diffId, parent)
    if (this.#isApplied(chain)) return chain
    await using _ = await this.#given.lock(`chain-${digestHex(chain)}`, { timeout })
    // another process may have been first
    if (this.#isApplied(chain)) return chain
    await using _keys = await this.#given.lock(keysLock, { shared: true, timeout })
    const below = await this.#stack(parent)
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
      draft,
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
  async rootOf(chain: ChainId | undefined): Promise<RootMetadata> {
    return (await this.#stack(chain))[0]?.root ?? plainRoot
  }

  /** The layers of a stack, top first. CHAIN_NOT_FOUND. */
  async diffIds(chain: ChainId | undefined): Promise<DiffId[]> {
    return (await this.#stack(chain)).map(({ diffId }) => diffId)
  }

  /** Folders of a stack, top first, mounted where need be. CHAIN_NOT_FOUND. */
  async lower(chain: ChainId | undefined): Promise<string[]> {
    return await this.#lowerOf(await this.#stack(chain))
  }

  /** Also those that only another kind of snapshotter has: what they stand on must not be collected. */
  list(): ChainInfo[] {
    const all = [...this.#others.list(), ...this.#records.list()]
    return [...new Map(all.map(({ chain, record }) => [chain, chainInfo(chain, record)])).values()]
  }

  /** See `Snapshotter.removeChains`: the records are gone when this returns, the data when its promise settles. */
  remove(chains: readonly ChainId[], dropOtherKinds: boolean): Promise<number> {
    for (const chain of chains) this.#records.remove(chain)
    this.#others.remove(chains)
    return this.#dropUnused(dropOtherKinds)
  }

  /** Data without a record: of the chains just removed, or left by a crash. Nobody builds while the lock is held. */
  async #dropUnused(dropOtherKinds: boolean): Promise<number> {
    try {
      await using _ = await this.#given.lock(keysLock, { timeout: dropTimeout })
      const own = await dropUnused(this.#backend, this.#records)
      return own + (await this.#others.dropUnused(dropOtherKinds))
    } catch (error) {
      if (isMilleError(error, 'STORE_LOCK_TIMEOUT')) return 0
      throw error
    }
  }

  #takeDraft(diffId: DiffId, parent: ChainId | undefined): LayerDraft | undefined {
    const drafted = this.#drafted
    this.#drafted = undefined
    return drafted?.diffId === diffId && drafted.parent === parent ? drafted.draft : undefined
  }

  #isApplied(chain: ChainId): boolean {
    const record = this.#records.find(chain)
    return record !== undefined && this.#backend.has(record.key)
  }

  /**
   * A stack that only another kind of snapshotter made (kernel or choice changed since), or whose data is damaged, is
   * made anew of its tars. LAYER_NOT_FOUND when these are gone too.
   */
  async #stack(chain: ChainId | undefined): Promise<ChainRecord[]> {
    if (chain === undefined) return []
    if (!this.has(chain)) {
      const known = this.#records.find(chain) ?? this.#others.find(chain)
      if (known !== undefined) {
        await this.#stack(known.parent)
        await this.apply(known.diffId, known.parent, {})
      }
    }
    return this.#records.stack(chain)
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

function chainInfo(chain: ChainId, { diffId, parent }: ChainRecord): ChainInfo {
  return { chain, diffId, ...(parent === undefined ? {} : { parent }) }
}

/** Drops the data of a backend that no record names. Resolves with the bytes freed. */
export async function dropUnused(backend: LayerBackend, records: ChainRecords): Promise<number> {
  const used = new Set(records.list().map(({ record }) => record.key))
  let bytes = 0
  for (const key of backend.keys()) if (!used.has(key)) bytes += await backend.drop(key)
  return bytes
}
