import type { AddOp, CopyOp, RunOp, WorkdirOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import { prepareAdd } from './add.ts'
import { prepareCopy } from './copy.ts'
import type { PreparedStep } from './operation.ts'
import { prepareRun } from './run.ts'
import { prepareWorkdir } from './workdir.ts'

/** The operation of a step made ready; nothing is done yet. */
export function prepareStep(
  session: BuildSession,
  inputs: StepInputs,
  op: RunOp | CopyOp | AddOp | WorkdirOp,
): PreparedStep {
  switch (op.kind) {
    case 'run':
      return prepareRun(session, inputs, op)
    case 'copy':
      return prepareCopy(session, inputs, op)
    case 'add':
      return prepareAdd(session, inputs, op)
    case 'workdir':
      return prepareWorkdir(session, inputs, op)
  }
}
