import { fromNodeError } from '../linux/system-failure.ts'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ChainId, chainId, type DiffId, diffIdAsDigest, type Digest } from '../oci/digest.ts'
import type { CacheMiss, StepReport } from './build.ts'
import { ensureApplied } from '../store/ensure-applied.ts'
import { messageOf } from '../util/errors.ts'
import type { PreparedStep } from './operations/operation.ts'
import { withFolders } from './operations/link-folders.ts'
import { prepareStep } from './operations/prepare-step.ts'
import type { BuildOp, BuildStep, LinkOp, StepId } from './plan/step.ts'
import { inputsOf } from './plan/step.ts'
import type { BuildSession, StepInputs, StepResult } from './session.ts'
import { emptyResult } from './session.ts'
import { type ExecuteOptions, Search } from './search-step.ts'

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
    const explained = nextTurn().then(explain)
    const [result, miss] = await Promise.allSettled([search.run(explained), explained])
    if (result.status === 'rejected') throw result.reason
    if (miss.status === 'rejected') throw miss.reason
    return { result: result.value, keys: search.keys(), miss: miss.value, key: search.key }
  }
}

async function layerSize({ store }: BuildSession, { added }: StepResult): Promise<number> {
  return added === undefined ? 0 : ((await store.content.stat(diffIdAsDigest(added)))?.size ?? 0)
}
