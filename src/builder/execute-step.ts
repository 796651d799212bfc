import { fromNodeError } from '../linux/system-failure.ts'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ChainId, chainId, type DiffId, diffIdAsDigest, type Digest } from '../oci/digest.ts'
import type { Ingredient } from '../store/store.ts'
import type { CacheMiss, StepReport } from './build.ts'
import { ensureApplied } from '../store/ensure-applied.ts'
import { messageOf } from '../util/errors.ts'
import type { ImportedCache } from './cache/remote/imported-cache.ts'
import type { FileList } from './cache/file-list.ts'
import type { FoundStep, StepCache } from './cache/step-cache.ts'
import { stepKey } from './cache/step-key.ts'
import type { IgnoreFacts } from './cache/suggest-ignore.ts'
import type { Content, PreparedStep } from './operations/operation.ts'
import { withFolders } from './operations/link-folders.ts'
import { prepareStep } from './operations/prepare-step.ts'
import { formatPlatform } from '../oci/platform.ts'
import type { BuildOp, BuildStep, LinkOp, StepId } from './plan/step.ts'
import { inputsOf, isMainContext } from './plan/step.ts'
import type { BuildSession, StepInputs, StepResult } from './session.ts'
import { emptyResult } from './session.ts'

export interface ExecuteOptions {
  readonly cache: StepCache
  readonly noCache: boolean
  /** Labels of stages for which nothing is looked up either. */
  readonly noCacheStages: ReadonlySet<string>
  /** Names the Dockerfile, so that its steps are known again when they were edited. */
  readonly scope: string
  /** Names of all steps of the build. */
  readonly planned: ReadonlySet<string>
  readonly ignore?: IgnoreFacts
  /** Results of other machines. */
  readonly imported: ImportedCache
  /** Results of other machines that an earlier build saw count, though their layers never came here. */
  readonly trustsElsewhere: boolean
}

interface Outcome {
  readonly result: StepResult
  /** All that the result is found under. */
  readonly keys: readonly Digest[]
  readonly miss?: CacheMiss
  readonly key?: Digest
}

/** Another process may be at the same step: it is waited for, however long its command takes. */
const lockTimeout = 24 * 3600 * 1000

/** Finds each step in the cache or runs it, and tells what happened. */
export class StepExecutor {
  readonly results: Map<StepId, StepResult> = new Map()
  readonly reports: Map<StepId, StepReport> = new Map()
  readonly keys: Map<StepId, readonly Digest[]> = new Map()
  readonly #options: ExecuteOptions

  constructor(options: ExecuteOptions) {
    this.#options = options
  }

  async execute(session: BuildSession, step: BuildStep): Promise<void> {
    const { op } = step
    if (op.kind === 'link') return await this.#link(session, step, op)
    const begun = session.now()
    session.emit({ type: 'start', step: step.id, time: begun })
    try {
      const { result, keys, ...found } = await this.#result(session, step, op)
      if (keys.length > 0) this.keys.set(step.id, keys)
      const { base } = this.#resultOf(step.parent)
      const isOnBase = result.added === undefined && base !== undefined
      this.results.set(step.id, isOnBase ? { ...result, base } : result)
      const time = session.now()
      const { name, stage } = step
      const bytes = await layerSize(session, result)
      const cpu = session.cpu?.get(step.id)
      const report = { name, stage, cached: result.cached, begun, milliseconds: time - begun, bytes }
      this.reports.set(step.id, { ...report, ...(cpu !== undefined && { cpu }), ...found })
      session.emit({ type: 'done', step: step.id, time, cached: result.cached })
    } catch (error) {
      this.#tellFailure(session, step, error)
      throw error
    }
  }

  /** A layer that was left in a cache is no failure to anybody: the build goes through once more, and makes it. */
  #tellFailure(session: BuildSession, { id }: BuildStep, error: unknown): void {
    const time = session.now()
    if (!this.#options.imported.isLost) {
      session.emit({ type: 'error', step: id, time, message: messageOf(fromNodeError(error)) })
      return
    }
    session.emit({
      type: 'note',
      step: id,
      text: 'needs files that were left in a cache: they are made here',
    })
    session.emit({ type: 'done', step: id, time, cached: false })
  }

  async #result(session: BuildSession, step: BuildStep, op: Exclude<BuildOp, LinkOp>): Promise<Outcome> {
    if (op.kind === 'from') {
      const { chain, diffIds, name, digest, id } = op.base
      await ensureApplied(session.store, diffIds, session)
      const base = `${name}@${digest ?? id}`
      const result = { diffIds, cached: true, base, ...(chain === undefined ? {} : { chain }) }
      return { result, keys: [] }
    }
    const inputs: StepInputs = { step, parent: this.#resultOf(step.parent), results: this.results }
    const prepared = await prepareStep(session, inputs, op)
    try {
      return await this.#search(session, inputs, prepared)
    } finally {
      await prepared[Symbol.asyncDispose]?.()
    }
  }

  /** Not a step of its own to anybody who looks on: it takes no time and cannot be cached better than its layer. */
  async #link(session: BuildSession, step: BuildStep, op: LinkOp): Promise<void> {
    const { layer } = op
    const parent = this.#resultOf(step.parent)
    const { added: own, cached, chain: alone } = this.#resultOf(layer)
    if (own === undefined) throw new Error(`step ${layer} made no layer`)
    const added = await this.#withFolders(session, { layer: own, alone }, parent, op)
    const chain = await this.#put(session, added, parent, layer)
    const isCached = cached && parent.cached
    this.results.set(step.id, { chain, diffIds: [...parent.diffIds, added], added, cached: isCached })
    // who asks what changed is told of the step that did
    const { stage } = step
    const name = (cached ? this.reports.get(step.parent ?? '')?.name : undefined) ?? step.name
    const report = { name, stage, cached: isCached, begun: session.now(), milliseconds: 0, bytes: 0 }
    this.reports.set(step.id, report)
  }

  /** Files that are not here yet are fetched only when flags may make a difference. */
  async #withFolders(
    session: BuildSession,
    { layer, alone }: { readonly layer: DiffId; readonly alone: ChainId | undefined },
    parent: StepResult,
    op: LinkOp,
  ): Promise<DiffId> {
    const { imported } = this.#options
    const isPending = [parent.chain, alone].some((chain) => imported?.isPending(chain) === true)
    if (isPending && op.made.chown === undefined && op.made.chmod === undefined) return layer
    for (const chain of isPending ? [parent.chain, alone] : []) await imported?.need(chain)
    return await withFolders(session, layer, parent, op)
  }

  /** What is not here yet need not be put together now. */
  async #put(session: BuildSession, added: DiffId, parent: StepResult, layer: StepId): Promise<ChainId> {
    const { imported } = this.#options
    if (imported.isPending(parent.chain) || imported.isPending(this.#resultOf(layer).chain)) {
      const chain = chainId(parent.chain, added)
      imported.postpone(chain, [...parent.diffIds, added])
      return chain
    }
    const chain = await session.store.snapshots.apply(added, parent.chain, session)
    session.lease.hold({ kind: 'chain', chain })
    return chain
  }

  #resultOf(step: StepId | undefined): StepResult {
    return step === undefined ? emptyResult : (this.results.get(step) ?? emptyResult)
  }

  async #search(session: BuildSession, inputs: StepInputs, prepared: PreparedStep): Promise<Outcome> {
    const { step } = inputs
    const search = new Search(this.#options, session, inputs, prepared)
    const hit = await search.find()
    if (hit !== undefined) return { ...hit, key: search.key }
    await search.read()
    // one at a time over all processes; whoever waited finds the other one's result
    await using _lock = await session.store.lock(`build-${search.key.slice(7, 39)}`, {
      timeout: lockTimeout,
      signal: session.signal,
    })
    const late = await search.findAgain()
    if (late !== undefined) return { ...late, key: search.key }
    const changed = inputsOf(step).filter((id) => this.results.get(id)?.cached === false)
    const explain = (): CacheMiss => {
      const miss = search.explain(changed.map((id) => this.reports.get(id)?.name ?? id))
      session.emit({ type: 'miss', step: step.id, miss })
      return miss
    }
    if (!search.hasFiles) {
      const miss = explain()
      return { result: await search.run(), keys: search.keys(), miss, key: search.key }
    }
    // comparing tens of thousands of files takes a while: another thread reads them meanwhile
    const [result, miss] = await Promise.allSettled([search.run(), nextTurn().then(explain)])
    if (result.status === 'rejected') throw result.reason
    if (miss.status === 'rejected') throw miss.reason
    return { result: result.value, keys: search.keys(), miss: miss.value, key: search.key }
  }
}

async function layerSize({ store }: BuildSession, { added }: StepResult): Promise<number> {
  return added === undefined ? 0 : ((await store.content.stat(diffIdAsDigest(added)))?.size ?? 0)
}

/** One step's way through the cache. */
class Search {
  readonly #options: ExecuteOptions
  readonly #session: BuildSession
  readonly #inputs: StepInputs
  readonly #prepared: PreparedStep
  readonly #common: readonly Ingredient[]
  readonly #noCache: boolean
  #content: Content | undefined
  #isEvicted = false

  constructor(options: ExecuteOptions, session: BuildSession, inputs: StepInputs, prepared: PreparedStep) {
    this.#options = options
    this.#session = session
    this.#inputs = inputs
    this.#prepared = prepared
    this.#common = commonIngredients(inputs)
    this.#noCache = options.noCache || options.noCacheStages.has(inputs.step.stage)
  }

  /** Key of the result: of the bytes where they decide, else of the text. */
  get key(): Digest {
    return this.#keyOf(this.#ingredients())
  }

  async find(): Promise<FoundStep | undefined> {
    const { definition, content } = this.#prepared
    const { cache } = this.#options
    const noCache = this.#noCache
    if (definition !== undefined && !noCache) {
      const found = await this.#lookup(this.#keyOf([...this.#common, ...definition]))
      if (found !== undefined) return found
    }
    if (content === undefined) return undefined
    const isNew = noCache || !cache.isKnown(this.#lineage())
    this.#content = rememberFiles(await content(isNew))
    if (noCache) return undefined
    const found = await this.#lookup(this.key)
    if (found === undefined) return undefined
    const isHere = !this.#options.imported.isPending(found.result.chain)
    if (definition !== undefined && isHere) this.#saveAlias(cache, definition, found.result, 0)
    return { ...found, keys: [...found.keys, ...this.keys()] }
  }

  /** Does its content come from files that the step is going to read? */
  get hasFiles(): boolean {
    return this.#content?.files !== undefined
  }

  /** Before anything is made of it: content that was only remembered. */
  async read(): Promise<void> {
    const content = await this.#content?.read?.()
    if (content !== undefined) this.#content = rememberFiles(content)
  }

  /** After waiting for somebody who was at the same step. */
  async findAgain(): Promise<FoundStep | undefined> {
    return this.#noCache ? undefined : await this.#lookup(this.key)
  }

  explain(changedInputs: readonly string[]): CacheMiss {
    if (this.#noCache) {
      const summary = this.#options.noCache ? '--no-cache' : '--no-cache-filter'
      return { reason: 'no-cache', summary, differences: [] }
    }
    if (this.#isEvicted)
      return { reason: 'evicted', summary: 'its layer is no longer there', differences: [] }
    const { cache, scope, planned, ignore } = this.#options
    const { step } = this.#inputs
    const miss = cache.explain({
      lineage: this.#lineage(),
      stage: `${scope} ${step.lineage.slice(0, step.lineage.lastIndexOf('/') + 1)}`,
      description: step.name,
      ingredients: this.#ingredients(),
      files: this.#content?.files,
      changedInputs,
      planned,
      ...(takesContext(step.op) && { ignore }),
    })
    if (miss.reason !== 'never-built' || !this.keys().some((key) => cache.wasBuilt(scope, key))) return miss
    return { reason: 'evicted', summary: 'built before, but no longer in the cache', differences: [] }
  }

  async run(): Promise<StepResult> {
    await this.#options.imported.need(this.#inputs.parent.chain)
    const made = await this.#prepared.run()
    const result = putOn(this.#inputs.parent, made?.layer.diffId, false)
    if (made !== undefined) {
      const { chain, layer } = made
      this.#session.lease.hold(
        { kind: 'chain', chain },
        { kind: 'blob', digest: diffIdAsDigest(layer.diffId) },
      )
    }
    const { cache } = this.#options
    const size = made?.layer.size ?? 0
    const files = this.#content?.files?.()
    cache.save({ ...this.#saved(result, size), key: this.key, ...(files === undefined ? {} : { files }) })
    const { definition, content } = this.#prepared
    if (definition !== undefined && content !== undefined) this.#saveAlias(cache, definition, result, size)
    return result
  }

  async #lookup(key: Digest): Promise<FoundStep | undefined> {
    const { cache, imported, trustsElsewhere } = this.#options
    const found = await cache.find(key, { elsewhere: trustsElsewhere })
    if (found === 'evicted') this.#isEvicted = true
    else if (found !== undefined && found.elsewhere !== true) return found
    const adopted = await this.#adopt(key)
    if (adopted !== undefined || found === undefined || found === 'evicted') return adopted
    const { chain, diffIds } = found.result
    if (chain !== undefined) imported.postpone(chain, diffIds)
    return found
  }

  /** Another machine's result of this step on the very files that are here: its layer is fetched when it is needed. */
  async #adopt(key: Digest): Promise<FoundStep | undefined> {
    const { imported, cache } = this.#options
    const record = imported.find(key)
    if (record === undefined) return undefined
    const { parent } = this.#inputs
    const { layer } = record
    const result = putOn(parent, layer, true)
    const saved = { ...this.#saved(result, 0), key }
    const save = async (isHere: boolean): Promise<void> => {
      const size = layer === undefined ? 0 : ((await this.#session.store.layers.find(layer))?.size ?? 0)
      cache.save({ ...saved, size, elsewhere: !isHere })
    }
    const { chain, diffIds } = result
    // kept by this machine, too: the next build needs no import to find it
    if (chain === undefined || (layer === undefined && !imported.isPending(chain))) await save(true)
    else imported.postpone(chain, diffIds, save)
    return { result, keys: record.keys }
  }

  #saveAlias(cache: StepCache, definition: readonly Ingredient[], result: StepResult, size: number): void {
    const ingredients = [...this.#common, ...definition]
    const saved = { ...this.#saved(result, size), ingredients, lineage: `${this.#lineage()} by text` }
    cache.save({ ...saved, key: this.#keyOf(ingredients), aliasOf: this.key })
  }

  #saved(result: StepResult, size: number): Parameters<StepCache['save']>[0] {
    const { step } = this.#inputs
    return {
      key: this.key,
      lineage: this.#lineage(),
      type: step.op.kind,
      description: step.name,
      ingredients: this.#ingredients(),
      result,
      size,
    }
  }

  #ingredients(): Ingredient[] {
    return [...this.#common, ...(this.#content?.ingredients ?? this.#prepared.definition ?? [])]
  }

  /** All that its result may have been found under. */
  keys(): Digest[] {
    const { definition } = this.#prepared
    return definition === undefined ? [this.key] : [this.key, this.#keyOf([...this.#common, ...definition])]
  }

  #keyOf(ingredients: readonly Ingredient[]): Digest {
    return stepKey(this.#inputs.step.op.kind, ingredients)
  }

  #lineage(): string {
    return `${this.#options.scope} ${this.#inputs.step.lineage}`
  }
}

/** The list is wanted twice, to explain and to be kept. */
function rememberFiles({ files, ...content }: Content): Content {
  if (files === undefined) return content
  let list: FileList | undefined
  return { ...content, files: () => (list ??= files()) }
}

/** The files a step goes on from, and the platform it runs on. */
function commonIngredients({ parent, step }: StepInputs): Ingredient[] {
  const isOnBase = step.parent !== undefined && parent.added === undefined
  return [
    { kind: 'platform', name: 'platform', value: formatPlatform(step.platform) },
    {
      kind: isOnBase ? 'base' : 'input',
      name: isOnBase ? 'image' : 'parent',
      value: parent.chain ?? 'empty',
      ...(isOnBase && parent.base !== undefined && { shown: parent.base }),
    },
  ]
}

/** Are its files those of the build context, and nothing else? */
function takesContext(op: BuildOp): boolean {
  switch (op.kind) {
    case 'copy':
      return isMainContext(op.origin)
    case 'add':
      return op.urls.length + op.repositories.length === 0
    case 'run': {
      const shown = op.mounts.filter((mount) => mount.type === 'bind')
      return shown.length > 0 && shown.every(({ origin }) => isMainContext(origin))
    }
    default:
      return false
  }
}

/** A layer on what lies below; without one the files are those. */
function putOn(parent: StepResult, layer: DiffId | undefined, cached: boolean): StepResult {
  if (layer === undefined) {
    const { added: _, ...rest } = parent
    return { ...rest, cached }
  }
  return { chain: chainId(parent.chain, layer), diffIds: [...parent.diffIds, layer], added: layer, cached }
}
