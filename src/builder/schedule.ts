import { failure, isMilleError } from '../util/errors.ts'
import type { BuildStep, StepId } from './plan/step.ts'
import { inputsOf } from './plan/step.ts'

/**
 * Runs every step once, as soon as the steps it needs are done, at most `limit` side by side (B70). After the first
 * failure the others are stopped through the signal that `work` gets, and that failure is thrown once all have ended.
 */
export async function runSteps<Result>(
  steps: readonly BuildStep[],
  limit: number,
  signal: AbortSignal | undefined,
  work: (step: BuildStep, signal: AbortSignal) => Promise<Result>,
): Promise<void> {
  const stop = new AbortController()
  const combined = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const slots = new Slots(limit)
  const running = new Map<StepId, Promise<boolean>>()
  let first: { readonly error: unknown } | undefined
  const start = async (step: BuildStep): Promise<boolean> => {
    const inputs = await Promise.all(inputsOf(step).map((id) => running.get(id) ?? true))
    if (inputs.includes(false)) return false
    await slots.take()
    try {
      if (combined.aborted) return false
      await work(step, combined)
      return true
    } catch (error) {
      // what the stop itself caused in other steps is not the reason
      first ??= { error }
      stop.abort()
      return false
    } finally {
      slots.give()
    }
  }
  for (const step of steps) running.set(step.id, start(step))
  await Promise.all(running.values())
  if (signal?.aborted === true && (first === undefined || !isMilleError(first.error, 'STEP_FAILED'))) {
    throw failure('CANCELED', {}, { cause: first?.error })
  }
  if (first !== undefined) throw first.error
}

class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  give(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
