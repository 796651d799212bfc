import type { FromInstruction, Stage, StageInstruction } from '../../dockerfile/ast.ts'
import { formatPlatform, type Platform } from '../../oci/platform.ts'
import type { BaseImage } from '../base-images.ts'
import { imagePlatform } from './stage-state.ts'
import type { BuildStep, StepId } from './step.ts'
import { inputsOf } from './step.ts'

/** Steps of several plans, by all that makes them what they are: what two plans have in common is done once. */
export type SharedSteps = Map<string, BuildStep>

export interface PlannedStep extends Pick<BuildStep, 'op' | 'name' | 'platform'> {
  readonly parent?: StepId
  readonly target?: Platform
}

/** The steps of one plan, by stage. */
export class StepTable {
  readonly #platform: Platform
  readonly #shared: SharedSteps | undefined
  readonly #steps = new Map<number, BuildStep[]>()
  /** FROM steps by image, so that two stages on one base share it. */
  readonly #bases = new Map<string, StepId>()

  constructor(platform: Platform, shared: SharedSteps | undefined) {
    this.#platform = platform
    this.#shared = shared
  }

  /** In file order, but every input before its users: a named context may stand for a later stage. */
  list(): BuildStep[] {
    const order = [...this.#steps.keys()].sort((a, b) => a - b)
    const steps = order.flatMap((index) => this.#steps.get(index) ?? [])
    const byId = new Map(steps.map((step) => [step.id, step]))
    const listed = new Set<BuildStep>()
    // a step's own parents may be thousands: no recursion
    for (const step of steps) {
      for (const todo = [step]; todo.length > 0;) {
        const next = todo.at(-1) as BuildStep
        const missing = inputsOf(next)
          .flatMap((id) => byId.get(id) ?? [])
          .filter((one) => !listed.has(one))
        if (missing.length > 0) todo.push(...missing)
        else listed.add(todo.pop() as BuildStep)
      }
    }
    return [...listed]
  }

  addBase(stage: Stage, instruction: FromInstruction | StageInstruction, base: BaseImage): StepId {
    const key = `${base.id} ${base.chain} ${base.name}`
    const known = this.#bases.get(key)
    // a stage may only take up the step of an earlier one: steps are listed by stage
    if (known !== undefined && Number.parseInt(known, 10) <= stage.index) return known
    const id = this.add(stage, instruction, {
      op: { kind: 'from', base },
      name: `FROM ${base.name}`,
      platform: imagePlatform(base, this.#platform),
    })
    this.#bases.set(key, id)
    return id
  }

  add(stage: Stage, instruction: FromInstruction | StageInstruction, planned: PlannedStep): StepId {
    const steps = this.#steps.get(stage.index) ?? []
    this.#steps.set(stage.index, steps)
    // a part of names of folders and containers
    const suffix = this.#shared === undefined ? '' : `-${formatPlatform(this.#platform).replaceAll('/', '-')}`
    const label = stageLabel(stage)
    const made: BuildStep = {
      id: `${stage.index}.${steps.length}${suffix}`,
      ...planned,
      stage: label,
      range: instruction.range,
      lineage: `${label}/${steps.length}${suffix}`,
    }
    const step = this.#shared === undefined ? made : shareStep(made, steps.length, stage, this.#shared)
    steps.push(step)
    return step.id
  }
}

export function stageLabel({ name, index }: Stage): string {
  return name ?? `stage-${index}`
}

/** The same step of another plan, when there is one. */
function shareStep(step: BuildStep, place: number, stage: Stage, shared: SharedSteps): BuildStep {
  const { op, name, platform, parent } = step
  const what = op.kind === 'from' ? [op.base.name, op.base.id, op.base.chain] : op
  const key = JSON.stringify([stage.index, place, what, name, formatPlatform(platform), parent])
  const found = shared.get(key) ?? step
  shared.set(key, found)
  return found
}
