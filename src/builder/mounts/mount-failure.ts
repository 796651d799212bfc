import type { MilleError } from '../../util/errors.ts'
import { failAt } from '../plan/source-problem.ts'
import type { PlannedMount } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'

/** STEP_FAILED with the source lines and the caret on the mount's flag. */
export function mountFailure(
  { dockerfile }: Pick<BuildSession, 'dockerfile'>,
  { step }: Pick<StepInputs, 'step'>,
  { range }: Pick<PlannedMount, 'range'>,
  reason: string,
  options: { readonly suggestion?: string | undefined; readonly cause?: unknown } = {},
): MilleError {
  const place = { dockerfile, instruction: step, range }
  return failAt('STEP_FAILED', place, reason, { ...options, details: { step: step.name } })
}
