import type { AddOp, BuildOp, CopyOp, FromOp, LinkOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import { prepareAdd } from './add.ts'
import { prepareCopy } from './copy.ts'
import type { PreparedStep } from './operation.ts'
import { atStep } from './find-sources.ts'
import { resolveOwner } from './owner.ts'
import { prepareRun } from './run.ts'
import { prepareWorkdir } from './workdir.ts'

/** The operation of a step made ready; nothing is done yet. */
export async function prepareStep(
  session: BuildSession,
  inputs: StepInputs,
  op: Exclude<BuildOp, FromOp | LinkOp>,
): Promise<PreparedStep> {
  switch (op.kind) {
    case 'run':
      return prepareRun(session, inputs, op)
    case 'copy':
      return prepareCopy(session, inputs, await withOwnerIds(session, inputs, op))
    case 'add':
      return await prepareAdd(session, inputs, await withOwnerIds(session, inputs, op))
    case 'workdir':
      return prepareWorkdir(session, inputs, op)
  }
}

/** `--link` with names: what they are in the files before counts, not those files themselves. */
async function withOwnerIds<Op extends CopyOp | AddOp>(
  session: BuildSession,
  inputs: StepInputs,
  op: Op,
): Promise<Op> {
  if (op.names === undefined || op.chown === undefined) return op
  const lower = await session.lower(inputs.results.get(op.names)?.chain)
  try {
    const { uid, gid } = resolveOwner(lower, op.chown)
    return { ...op, chown: `${uid}:${gid}` }
  } catch (error) {
    throw atStep(session, inputs, error, '--chown')
  }
}
