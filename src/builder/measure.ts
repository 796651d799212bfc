import type { BuildTimes, StepReport } from './build.ts'
import { inputsOf, type BuildStep, type StepId } from './plan/step.ts'

type Phase = BuildTimes['phases'][number]

/** Notes when the phases of a build end. */
export class PhaseClock {
  readonly #begun = performance.now()
  readonly #cpu = process.cpuUsage()
  readonly #phases: Phase[] = []

  /** Milliseconds since the build began. */
  readonly now = (): number => performance.now() - this.#begun

  end(name: Phase['name']): void {
    const { begun, milliseconds } = this.#phases.at(-1) ?? { begun: 0, milliseconds: 0 }
    const start = begun + milliseconds
    this.#phases.push({ name, begun: start, milliseconds: this.now() - start })
  }

  times(): BuildTimes {
    const { user, system } = process.cpuUsage(this.#cpu)
    const { begun, milliseconds } = this.#phases.at(-1) ?? { begun: 0, milliseconds: 0 }
    return { total: begun + milliseconds, phases: this.#phases, cpu: (user + system) / 1000 }
  }
}

/**
 * Steps that the result had to wait for: from the last one that ended back, each time through the input that came last.
 * `reports` are by step.
 */
export function criticalPath(
  steps: readonly BuildStep[],
  reports: ReadonlyMap<StepId, StepReport>,
): ReadonlySet<StepId> {
  const byId = new Map(steps.map((step) => [step.id, step]))
  const endOf = (id: StepId): number => {
    const { begun = 0, milliseconds = 0 } = reports.get(id) ?? {}
    return begun + milliseconds
  }
  const last = (ids: readonly StepId[]): StepId | undefined => ids.toSorted((a, b) => endOf(b) - endOf(a))[0]
  const path = new Set<StepId>()
  let at = last(steps.map(({ id }) => id))
  while (at !== undefined && !path.has(at)) {
    path.add(at)
    const step = byId.get(at)
    at = step && last(inputsOf(step))
  }
  return path
}
