import { isMilleError, type MilleError } from '../../util/errors.ts'
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

/** Runs `find`; a source that leads through too many links is said at its mount. */
export function placed<Value>(
  session: Pick<BuildSession, 'dockerfile'>,
  inputs: Pick<StepInputs, 'step'>,
  mount: Pick<PlannedMount, 'range'>,
  find: () => Value,
): Value {
  try {
    return find()
  } catch (error) {
    if (!isMilleError(error, 'PATH_LOOP')) throw error
    throw mountFailure(session, inputs, mount, 'the source leads through too many links', { cause: error })
  }
}
