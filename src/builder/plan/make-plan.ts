import type {
  AddInstruction,
  CopyInstruction,
  Dockerfile,
  FromInstruction,
  Stage,
  StageInstruction,
  Word,
} from '../../dockerfile/ast.ts'
import type { BaseFacts, CheckFacts } from '../../dockerfile/check-scope.ts'
import { resolveBase, resolveGlobalArgs } from '../../dockerfile/global-args.ts'
import { dockerfileError, expandAt, spend } from '../../dockerfile/located.ts'
import { invalidDockerfile, problemsOf } from '../../dockerfile/problem.ts'
import { platformArgValues, proxyArgs } from '../../dockerfile/predefined-args.ts'
import { findCopyStage, findStage, fromWords, getTarget } from '../../dockerfile/stages.ts'
import type { Unset } from '../../dockerfile/unset.ts'
import { checkPlatform } from '../../dockerfile/values.ts'
import { formatPlatform, parsePlatform, type Platform } from '../../oci/platform.ts'
import { isMilleError, type MilleError } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { BaseImage } from '../base-images.ts'
import { baseFinder, type FindBase, type UseOfBase } from './base-finder.ts'
import { baseFactsOf } from './base-facts.ts'
import { applyConfig } from './config-instructions.ts'
import { planAdd, planCopy, planWorkdir } from './file-instructions.ts'
import type { PlannedOp } from './file-instructions.ts'
import { badOrigin } from './bad-origin.ts'
import type { BuildPlan, PlanWarning } from './image-plan.ts'
import { emptyState, imagePlanOf, lookupIn, sizeOfState, stateOfImage, stateOfStage } from './stage-state.ts'
import type { StageState } from './stage-state.ts'
import { planMounts, planRun } from './run-instructions.ts'
import type { Entitlement, RunReading } from './run-instructions.ts'
import type { AddOp, BuildOp, BuildStep, CopyOp, CopyOrigin, StepId } from './step.ts'
import { type SharedSteps, stageLabel, StepTable } from './step-table.ts'
import type { FoundContext } from './named-contexts.ts'
import { imageName, NamedContexts, wholeContext } from './named-contexts.ts'
import { StageWaits } from './stage-waits.ts'
import { withoutUnset } from './unset.ts'
import { unusedArgs } from './unused-args.ts'
import { parseTriggers, triggerError } from './triggers.ts'

export interface PlanOptions {
  readonly target?: string
  readonly buildArgs: Readonly<Record<string, string | undefined>>
  /** Of the image; default for every FROM. */
  readonly platform: Platform
  /** Of this machine. */
  readonly local: Platform
  readonly network: RunReading['network']
  readonly contexts?: NamedContexts
  readonly entitlements?: readonly Entitlement[]
  /** What the image does not have in the end, whoever set it. */
  readonly unset?: readonly Unset[]
  /** `name` is a reference, or `oci-layout://` with a folder. */
  readonly resolve: (name: string, platform: Platform) => Promise<BaseImage>
  /** Of plans for several platforms that share what is the same in them. */
  readonly shared?: SharedSteps
}

/**
 * The steps that the target needs (B70, B72) and the image they lead to. Reads config of base images, runs nothing.
 * Errors: DOCKERFILE_INVALID with source lines, DOCKERFILE_TARGET_NOT_FOUND, BASE_IMAGE_NOT_FOUND.
 */
export async function makePlan(dockerfile: Dockerfile, options: PlanOptions): Promise<BuildPlan> {
  const target = getTarget(dockerfile, options.target)
  const planner = new Planner(dockerfile, options, target.name ?? 'default')
  planner.prefetch(target)
  const state = withoutUnset(await planner.stage(target), options.unset ?? [], planner.warnings)
  return {
    steps: planner.steps(),
    image: imagePlanOf(state),
    warnings: [...planner.warnings, ...unusedArgs(dockerfile, options.buildArgs, planner.facts())],
    facts: planner.facts(),
  }
}

/** What is known of a Dockerfile without running a step. */
export interface Exploration {
  readonly facts: CheckFacts
  readonly steps: readonly BuildStep[]
  /** Why it cannot be built. */
  readonly failure?: MilleError
}

/** Plans the target or every stage for its facts alone; an error does not hide what other stages tell. */
export async function explorePlan(
  dockerfile: Dockerfile,
  stages: 'all' | 'target',
  options: PlanOptions,
): Promise<Exploration> {
  const target = getTarget(dockerfile, options.target)
  const planner = new Planner(dockerfile, options, target.name ?? 'default')
  const failures = new Set<MilleError>()
  for (const stage of stages === 'all' ? dockerfile.stages : [target]) {
    try {
      await planner.stage(stage)
    } catch (error) {
      if (!isMilleError(error) || error.kind === 'canceled') throw error
      failures.add(error)
    }
  }
  const [first] = failures
  const found = { facts: planner.facts(), steps: planner.steps() }
  if (first === undefined) return found
  const problems = [...failures].flatMap(problemsOf)
  const failure = problems.length > 1 ? invalidDockerfile(problems, dockerfile.source) : first
  return { ...found, failure }
}

/** What a named context comes to. */
type NamedSource =
  | { readonly kind: 'stage'; readonly state: StageState }
  | { readonly kind: 'image'; readonly base: BaseImage }
  | { readonly kind: 'files' | 'empty' }

class Planner {
  readonly warnings: PlanWarning[] = []
  readonly #dockerfile: Dockerfile
  readonly #options: PlanOptions
  readonly #reading: RunReading
  readonly #findBase: FindBase
  readonly #stages = new Map<number, Promise<StageState>>()
  readonly #steps: StepTable
  readonly #baseFacts = new Map<number, BaseFacts>()
  readonly #contexts: NamedContexts
  readonly #waits = new StageWaits()

  constructor(dockerfile: Dockerfile, options: PlanOptions, targetName: string) {
    const given = Object.entries(options.buildArgs).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    )
    const platform = platformArgValues(options.platform, options.local, targetName)
    const buildArgs = new Map(given)
    // a platform or proxy argument that was given wins over the builder's own value
    const predefined = new Map([
      ...platform,
      ...given.filter(([name]) => platform.has(name) || proxyArgs.has(name)),
    ])
    const globals = resolveGlobalArgs(dockerfile, buildArgs, predefined)
    this.#dockerfile = dockerfile
    this.#options = options
    this.#steps = new StepTable(options.platform, options.shared)
    this.#contexts = options.contexts ?? new NamedContexts()
    const { network } = options
    const entitlements = new Set(options.entitlements)
    const { warnings } = this
    this.#reading = { dockerfile, buildArgs, globals, network, entitlements, warnings }
    this.#findBase = baseFinder(dockerfile, options.resolve)
  }

  steps(): BuildStep[] {
    return this.#steps.list()
  }

  /** Begins to fetch every base that is certain to be needed, side by side. */
  prefetch(stage: Stage, seen: Set<number> = new Set()): void {
    if (seen.has(stage.index)) return
    seen.add(stage.index)
    for (const instruction of stage.instructions) {
      for (const word of fromWords(instruction)) this.#prefetchFrom(stage, { instruction, word }, seen)
    }
    const name = resolveBase(this.#dockerfile, stage, this.#reading.globals)
    const base = findStage(this.#dockerfile.stages, name, stage.index)
    if (base !== undefined) this.prefetch(base, seen)
    else if (name !== 'scratch' && !this.#contexts.has(stage.name) && !this.#contexts.has(name)) {
      void this.#findBase(name, this.#platformOf(stage), { instruction: stage.from, word: stage.base }).catch(
        () => {},
      )
    }
  }

  #prefetchFrom(stage: Stage, use: UseOfBase, seen: Set<number>): void {
    const { text } = use.word
    const copied = findCopyStage(this.#dockerfile, stage, text)
    if (copied !== undefined) this.prefetch(copied, seen)
    else if (!text.includes('$') && text !== 'scratch' && !this.#contexts.has(text))
      void this.#findBase(text, this.#options.platform, use).catch(() => {})
  }

  stage(stage: Stage): Promise<StageState> {
    const known = this.#stages.get(stage.index)
    if (known !== undefined) return known
    const planned = this.#planStage(stage)
    this.#stages.set(stage.index, planned)
    return planned
  }

  /** Only stages that the target needs are looked into. */
  facts(): CheckFacts {
    const { buildArgs, globals } = this.#reading
    return { bases: this.#baseFacts, buildArgs, globals, stages: new Set(this.#stages.keys()) }
  }

  /** The state of a stage that `stage` is built on or copies from. */
  async #need(stage: Stage, needed: Stage): Promise<StageState> {
    const circle = this.#waits.begin(stage.index, needed.index)
    if (circle !== undefined) {
      const names = circle.flatMap((index) => this.#dockerfile.stages[index] ?? []).map(stageLabel)
      const reason = `circular dependency ${names.join(' → ')} by --build-context`
      throw dockerfileError(this.#dockerfile, stage.from, stage.from.range, 'stage', reason)
    }
    try {
      return await this.stage(needed)
    } finally {
      this.#waits.end(stage.index)
    }
  }

  async #planStage(stage: Stage): Promise<StageState> {
    const replaced = stage.name === undefined ? undefined : this.#contexts.find(stage.name)
    if (replaced !== undefined) {
      const state = await this.#contextState(stage, replaced)
      this.#baseFacts.set(stage.index, baseFactsOf(state, this.#platformOf(stage)))
      return state
    }
    const state = await this.#startStage(stage)
    const triggers = parseTriggers(state.config.OnBuild ?? [], stage.from, this.#dockerfile)
    delete state.config.OnBuild
    for (const trigger of triggers) {
      await this.#instruction(stage, state, trigger).catch((error: unknown) => {
        throw triggerError(error, trigger, this.#dockerfile)
      })
    }
    this.#baseFacts.set(stage.index, baseFactsOf(state, this.#platformOf(stage)))
    for (const instruction of stage.instructions) await this.#instruction(stage, state, instruction)
    return state
  }

  async #startStage(stage: Stage): Promise<StageState> {
    const platform = this.#platformOf(stage)
    const name = resolveBase(this.#dockerfile, stage, this.#reading.globals)
    const earlier = findStage(this.#dockerfile.stages, name, stage.index)
    if (earlier !== undefined) {
      const parent = await this.#need(stage, earlier)
      spend(this.#dockerfile, stage.from, sizeOfState(parent))
      return stateOfStage(parent)
    }
    if (name === 'scratch') return emptyState(platform)
    const named = this.#contexts.find(name)
    if (named !== undefined) return await this.#contextState(stage, named)
    const base = await this.#findBase(name, platform, { instruction: stage.from, word: stage.base })
    return stateOfImage(base, this.#steps.addBase(stage, stage.from, base), platform)
  }

  /** A stage that a named context stands for, or starts. */
  async #contextState(stage: Stage, named: FoundContext): Promise<StageState> {
    const platform = this.#platformOf(stage)
    const source = await this.#named(stage, platform, { instruction: stage.from, word: stage.base }, named)
    if (source.kind === 'stage') return stateOfStage(source.state)
    if (source.kind === 'image') {
      return stateOfImage(source.base, this.#steps.addBase(stage, stage.from, source.base), platform)
    }
    const state = emptyState(platform)
    const { name } = named
    const texts = { name: `FROM ${name}`, createdBy: `FROM ${name} # build context` }
    if (source.kind === 'files') this.#add(stage, state, stage.from, { op: wholeContext(name), ...texts })
    return state
  }

  async #named(
    stage: Stage,
    platform: Platform,
    use: UseOfBase,
    { context }: FoundContext,
  ): Promise<NamedSource> {
    switch (context.kind) {
      case 'stage': {
        const { stages } = this.#dockerfile
        const found = findStage(stages, context.name)
        if (found !== undefined) return { kind: 'stage', state: await this.#need(stage, found) }
        const names = stages.flatMap(({ name }) => name ?? [])
        const reason = `--build-context names the stage "${context.name}", which there is not`
        const near = suggest(context.name, names)
        throw dockerfileError(this.#dockerfile, use.instruction, use.word.range, 'stage', reason, near)
      }
      case 'image':
      case 'layout':
        if (context.kind === 'image' && context.reference === 'scratch') return { kind: 'empty' }
        return { kind: 'image', base: await this.#findBase(imageName(context), platform, use) }
      default:
        return { kind: 'files' }
    }
  }

  #platformOf(stage: Stage): Platform {
    if (stage.platform === undefined) return this.#options.platform
    const lookup = (name: string): string | undefined => this.#reading.globals.get(name)
    const text = expandAt(this.#dockerfile, stage.from, stage.platform, lookup)
    const fault = text === '' ? { reason: 'the platform is empty' } : checkPlatform(text)
    if (fault === undefined) return parsePlatform(text)
    const { range } = stage.platform
    throw dockerfileError(
      this.#dockerfile,
      stage.from,
      range,
      'invalid-value',
      fault.reason,
      fault.suggestion,
    )
  }

  async #instruction(stage: Stage, state: StageState, instruction: StageInstruction): Promise<void> {
    switch (instruction.kind) {
      case 'RUN': {
        const mounts = await planMounts(this.#reading, state, instruction, (word) =>
          this.#origin(stage, state, instruction, word),
        )
        return this.#add(stage, state, instruction, planRun(this.#reading, state, instruction, mounts))
      }
      case 'COPY': {
        const origin = await this.#origin(stage, state, instruction, instruction.from)
        return this.#addCopy(stage, state, instruction, planCopy(this.#reading, state, instruction, origin))
      }
      case 'ADD':
        return this.#addCopy(stage, state, instruction, planAdd(this.#reading, state, instruction))
      case 'WORKDIR':
        return this.#add(stage, state, instruction, planWorkdir(this.#reading, state, instruction))
      default:
        applyConfig(this.#reading, state, instruction)
    }
  }

  /** The step whose files COPY or a mount takes, planned first; without `from` the context. */
  async #origin(
    stage: Stage,
    state: StageState,
    instruction: StageInstruction,
    from: Word | undefined,
  ): Promise<CopyOrigin> {
    if (from === undefined) return { kind: 'context' }
    const value = expandAt(this.#dockerfile, instruction, from, lookupIn(state))
    const found = findCopyStage(this.#dockerfile, stage, value)
    if (found !== undefined) {
      const { root } = await this.#need(stage, found)
      return root === undefined ? { kind: 'empty' } : { kind: 'step', step: root }
    }
    const named = this.#contexts.find(value)
    if (named !== undefined) {
      const use = { instruction, word: from }
      const source = await this.#named(stage, this.#options.platform, use, named)
      if (source.kind === 'files') return { kind: 'context', name: named.name }
      if (source.kind === 'image')
        return { kind: 'step', step: this.#steps.addBase(stage, instruction, source.base) }
      const root = source.kind === 'stage' ? source.state.root : undefined
      return root === undefined ? { kind: 'empty' } : { kind: 'step', step: root }
    }
    const fault = badOrigin(this.#reading, state, from, value)
    if (fault !== undefined) {
      const { reason, suggestion } = fault
      throw dockerfileError(this.#dockerfile, instruction, from.range, 'stage', reason, suggestion)
    }
    const base = await this.#findBase(value, this.#options.platform, { instruction, word: from })
    return { kind: 'step', step: this.#steps.addBase(stage, instruction, base) }
  }

  #add(
    stage: Stage,
    state: StageState,
    instruction: FromInstruction | StageInstruction,
    planned: PlannedOp<BuildOp>,
  ): void {
    const step = this.#steps.add(stage, instruction, { ...this.#stepOf(state, planned), ...parentOf(state) })
    state.root = step
    spend(this.#dockerfile, instruction, planned.createdBy.length)
    state.history.push({ createdBy: planned.createdBy, step })
  }

  /** With `--link` the copy itself stands on nothing, so that no change before it matters to it (B40). */
  #addCopy(
    stage: Stage,
    state: StageState,
    instruction: CopyInstruction | AddInstruction,
    planned: PlannedOp<CopyOp | AddOp>,
  ): void {
    if (instruction.link !== true || state.root === undefined)
      return this.#add(stage, state, instruction, planned)
    const hasNames = planned.op.chown?.split(':').some((part) => !/^\d*$/.test(part)) === true
    const op = { ...planned.op, link: true as const, ...(hasNames && { names: state.root }) }
    const layer = this.#steps.add(stage, instruction, this.#stepOf(state, { ...planned, op }))
    this.#add(stage, state, instruction, { ...planned, op: { kind: 'link', layer, made: op } })
  }

  #stepOf(
    { platform, args }: StageState,
    { op, name, places }: PlannedOp<BuildOp>,
  ): Pick<BuildStep, 'op' | 'name' | 'platform' | 'target' | 'places'> {
    const target = this.#options.platform
    const isFor =
      formatPlatform(platform) !== formatPlatform(target) && targetArgs.some((arg) => args.has(arg))
    return { op, name, platform, ...(isFor && { target }), ...(places && { places }) }
  }
}

const targetArgs = ['TARGETPLATFORM', 'TARGETOS', 'TARGETARCH', 'TARGETVARIANT']

function parentOf({ root }: StageState): { readonly parent?: StepId } {
  return root === undefined ? {} : { parent: root }
}
