import { chainId, diffIdAsDigest, type ChainId, type DiffId, type Digest } from '../../oci/digest.ts'
import type { CacheRecord, Ingredient, Lease, Store } from '../../store/store.ts'
import type { CacheMiss } from '../build.ts'
import { ensureApplied } from '../../store/ensure-applied.ts'
import type { StepResult } from '../session.ts'
import { isMilleError } from '../../util/errors.ts'
import { explainMiss } from './explain-miss.ts'
import { readReport } from '../build-report.ts'
import { FileList } from './file-list.ts'
import { FileLists } from './file-lists.ts'
import { keptIngredients } from './step-key.ts'
import { suggestIgnore, type IgnoreFacts } from './suggest-ignore.ts'

/** The builder's own part of a record. */
interface StepData {
  readonly type: string
  /** Layer that the step added. */
  readonly added?: DiffId
  /** Points from text to bytes: not a step of its own in lists. */
  readonly alias?: true
  /** Of an alias: the key of the bytes. */
  readonly of?: Digest
  /** Another machine's: its layer never came here. */
  readonly elsewhere?: true
}

/** A result with the keys it is found under, as far as they are known. */
export interface FoundStep {
  readonly result: StepResult
  readonly keys: readonly Digest[]
  /** Its layer is not here: good as long as nobody needs the files. */
  readonly elsewhere?: boolean
}

export interface FindOptions {
  /** Results whose layers are elsewhere count, too; else they are evicted. */
  readonly elsewhere?: boolean
}

export interface SavedStep {
  readonly key: Digest
  readonly lineage: string
  readonly type: string
  readonly description: string
  readonly ingredients: readonly Ingredient[]
  readonly files?: FileList
  readonly result: StepResult
  /** Bytes of the added layer. */
  readonly size: number
  /** The key of the bytes, when this one is of the text. */
  readonly aliasOf?: Digest
  /** Its layer is known, and not here. */
  readonly elsewhere?: boolean
}

export interface StepToExplain {
  readonly lineage: string
  /** What the lineages of its stage begin with. */
  readonly stage: string
  readonly description: string
  readonly ingredients: readonly Ingredient[]
  readonly files?: (() => FileList) | undefined
  /** Names of steps it goes on from that were not cached. */
  readonly changedInputs: readonly string[]
  /** Names of all steps of the build. */
  readonly planned: ReadonlySet<string>
  /** When its files are the context's. */
  readonly ignore?: IgnoreFacts | undefined
}

export interface KnownFiles {
  readonly result: StepResult
  readonly size: number
  readonly files: FileList
}

/** Results of earlier steps, of this machine and of imported caches: a pulled image is never taken for one (C-B8). */
export class StepCache {
  readonly #store: Store
  readonly #lease: Lease
  readonly #lists: FileLists
  readonly #used = new Set<Digest>()
  readonly #chains = new Map<string, ChainId>()
  readonly #whole = new Set<ChainId>()
  #reported: ReadonlySet<string> | undefined

  constructor(store: Store, lease: Lease, listFolder: string) {
    this.#store = store
    this.#lease = lease
    this.#lists = new FileLists(listFolder)
  }

  /** The result kept under `key`; `evicted` when there was one whose layers are gone (B-BD-8). */
  async find(key: Digest, options: FindOptions = {}): Promise<FoundStep | 'evicted' | undefined> {
    const record = this.#store.cache.find(key)
    if (record === undefined) return undefined
    const { chain, diffIds = [] } = record
    const { added, of, elsewhere } = record.data as StepData
    // held before it is looked at: a collection between the two would take it away
    this.#lease.hold(
      ...(chain === undefined ? [] : [{ kind: 'chain', chain } as const]),
      ...(added === undefined ? [] : [{ kind: 'blob', digest: diffIdAsDigest(added) } as const]),
    )
    const isHere = await this.#isComplete(record, added)
    if (!isHere && !(elsewhere === true && options.elsewhere === true)) {
      this.#store.cache.remove([key])
      return 'evicted'
    }
    this.#used.add(key)
    const result: StepResult = {
      diffIds,
      cached: true,
      ...(chain === undefined ? {} : { chain }),
      ...(added === undefined ? {} : { added }),
    }
    return { result, keys: of === undefined ? [key] : [key, of], elsewhere: !isHere }
  }

  save(step: SavedStep): void {
    const { key, lineage, type, description, ingredients, files, result, size, aliasOf, elsewhere } = step
    const { chain, diffIds, added } = result
    const data: StepData = {
      type,
      ...(added === undefined ? {} : { added }),
      ...(aliasOf === undefined ? {} : { alias: true, of: aliasOf }),
      ...(elsewhere === true && { elsewhere }),
    }
    const stack = chain === undefined ? {} : { chain, diffIds }
    this.#store.cache.put({
      key,
      lineage,
      ingredients: keptIngredients(ingredients),
      description,
      ...stack,
      data,
      size,
    })
    if (files !== undefined) this.#lists.save(key, files)
  }

  /** The last result of a lineage that is still there, with the files it was made from. */
  async newest(lineage: string): Promise<KnownFiles | undefined> {
    const [record] = this.#store.cache.lineage(lineage, 1)
    const files = record && this.#lists.load(record.key)
    if (record === undefined || files === undefined) return undefined
    const found = await this.find(record.key)
    if (found === undefined || found === 'evicted') return undefined
    return { result: found.result, size: record.size, files }
  }

  /** As `save`; older results of the same lineage are dropped. */
  replace(step: SavedStep): void {
    const older = this.#store.cache.lineage(step.lineage).map(({ key }) => key)
    this.save(step)
    this.#store.cache.remove(older.filter((key) => key !== step.key))
  }

  /** Was this very key built for an image that is still here? Its result was removed from the cache since then. */
  wasBuilt(scope: string, key: Digest): boolean {
    this.#reported ??= new Set(
      this.#store.images
        .reports(scope)
        .flatMap((report) => readReport(report).steps.flatMap(({ key }) => key ?? [])),
    )
    return this.#reported.has(key)
  }

  /** Was there ever a result of this step, whatever it was made from? */
  isKnown(lineage: string): boolean {
    return this.#store.cache.lineage(lineage, 1).length > 0
  }

  explain(step: StepToExplain): CacheMiss {
    const { ingredients, changedInputs, files: listFiles, ignore } = step
    const previous = this.#previous(step)
    if (previous === undefined) return explainMiss({ ingredients, changedInputs })
    const previousFiles = listFiles && this.#lists.load(previous.key)
    if (previousFiles === undefined)
      return explainMiss({ ingredients: keptIngredients(ingredients), changedInputs, previous })
    const files = listFiles?.() ?? FileList.from([])
    const miss = explainMiss({
      ingredients: keptIngredients(ingredients),
      changedInputs,
      previous,
      previousFiles,
      files,
    })
    const isFiles = miss.differences.every(({ kind }) => ['file', 'mode', 'added', 'removed'].includes(kind))
    const advice = ignore && isFiles ? suggestIgnore(ignore, previousFiles, files) : undefined
    return advice === undefined ? miss : { ...miss, advice }
  }

  /**
   * The record that a step is compared with: the newest at its place; when that is of another instruction, the newest of
   * this instruction in the stage. What stood at its place and stands elsewhere now is not what became of it.
   */
  #previous({ lineage, stage, description, planned }: StepToExplain): CacheRecord | undefined {
    const same = this.#store.cache.lineage(lineage, 1)[0]
    if (same?.description === description) return same
    const moved = this.#store.cache
      .lineages(stage)
      .find(
        (record) => record.description === description && placeless(record.lineage) === placeless(lineage),
      )
    if (moved !== undefined) return moved
    return same !== undefined && planned.has(same.description) ? undefined : same
  }

  /** Counts the hits of this build, together. */
  countUses(): void {
    for (const key of this.#used) this.#store.cache.touch(key)
  }

  /** Each step's stack is the last one's and one layer more: only that is hashed. */
  #chainOf(diffIds: readonly DiffId[]): ChainId | undefined {
    return diffIds.reduce<ChainId | undefined>((parent, diffId) => {
      const name = `${parent ?? ''} ${diffId}`
      const chain = this.#chains.get(name) ?? chainId(parent, diffId)
      this.#chains.set(name, chain)
      return chain
    }, undefined)
  }

  async #isComplete({ chain, diffIds = [] }: CacheRecord, added: DiffId | undefined): Promise<boolean> {
    if (chain === undefined) return true
    if (this.#chainOf(diffIds) !== chain) return false
    if (added !== undefined && (await this.#store.content.stat(diffIdAsDigest(added))) === undefined)
      return false
    if (await this.#store.snapshots.has(chain, this.#whole)) return true
    try {
      await ensureApplied(this.#store, diffIds, { lease: this.#lease })
      return true
    } catch (error) {
      if (isMilleError(error) && (error.kind === 'not-found' || error.code === 'BLOB_DAMAGED')) return false
      throw error
    }
  }
}

/** Stage and platform of a lineage, and whether it is an alias: all but the step's place in the stage. */
function placeless(lineage: string): string {
  return lineage.replace(/\/\d+([^/]*)$/, '/$1')
}
