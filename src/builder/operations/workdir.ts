import { fileTypes } from '../../linux/statx.ts'
import { isMilleError } from '../../util/errors.ts'
import { failAt } from '../plan/source-problem.ts'
import type { WorkdirOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { PreparedStep, StepLayer } from './operation.ts'
import { folderEntries } from './folder-entries.ts'
import type { LowerRoot } from './lower-root.ts'
import { type Owner, resolveOwner } from './owner.ts'
import { writeLayer } from './write-layer.ts'

/** WORKDIR (A18): a layer only when the folder is missing; made 0755 of the USER of the moment, as BuildKit does. */
export function prepareWorkdir(session: BuildSession, inputs: StepInputs, op: WorkdirOp): PreparedStep {
  const { timestamps, epoch } = session
  return {
    definition: [
      { kind: 'text', name: 'folder', value: op.path },
      { kind: 'text', name: 'user', value: op.user },
      { kind: 'text', name: 'timestamps', value: `${timestamps} ${epoch}` },
    ],
    run: async (): Promise<StepLayer> => {
      const lower = await session.lower(inputs.parent.chain)
      const { path, status } = lower.locate(op.path)
      if (status === undefined) {
        const owner = ownerOf(lower, op.user)
        return await writeLayer(session, inputs, folderEntries(session, lower, path, owner))
      }
      if ((status.mode & fileTypes.mask) === fileTypes.directory) return undefined
      const place = { dockerfile: session.dockerfile, instruction: inputs.step }
      throw failAt('STEP_FAILED', place, `${op.path} is there and is not a folder`)
    },
  }
}

/** A user that the image does not have yet may be made by a later step: the folder is root's then. */
function ownerOf(lower: LowerRoot, user: string): Owner {
  try {
    return user === '' ? { uid: 0, gid: 0 } : resolveOwner(lower, user)
  } catch (error) {
    if (isMilleError(error, 'USER_NOT_FOUND') || isMilleError(error, 'GROUP_NOT_FOUND'))
      return { uid: 0, gid: 0 }
    throw error
  }
}
