import { chainId, type DiffId, diffIdAsDigest, type Digest } from '../oci/digest.ts'
import type { Ingredient } from '../store/store.ts'
import type { CacheMiss } from './build.ts'
import type { ImportedCache } from './cache/remote/imported-cache.ts'
import type { FileList } from './cache/file-list.ts'
import type { FoundStep, StepCache } from './cache/step-cache.ts'
import { stepKey } from './cache/step-key.ts'
import type { IgnoreFacts } from './cache/suggest-ignore.ts'
import type { Content, PreparedStep } from './operations/operation.ts'
import { formatPlatform } from '../oci/platform.ts'
import type { BuildOp } from './plan/step.ts'
import { isMainContext } from './plan/step.ts'
import type { BuildSession, StepInputs, StepResult } from './session.ts'

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

/** One step's way through the cache. */
export class Search {
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

  /** What is kept takes the place of what `explained` compares with: it waits for that. */
  async run(explained?: Promise<unknown>): Promise<StepResult> {
    await this.#options.imported.need(this.#inputs.parent.chain)
    const made = await this.#prepared.run()
    await explained
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
