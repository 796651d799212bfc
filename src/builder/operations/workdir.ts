import { fileTypes } from '../../linux/statx.ts'
import { failure } from '../../util/errors.ts'
import { renderAt } from '../plan/source-problem.ts'
import type { WorkdirOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { PreparedStep, StepLayer } from './operation.ts'
import { folderEntries } from './folder-entries.ts'
import { writeLayer } from './write-layer.ts'

/** WORKDIR (A18): a layer only when the folder is missing; made 0755 of root, also when USER is another. */
export function prepareWorkdir(session: BuildSession, inputs: StepInputs, op: WorkdirOp): PreparedStep {
  const { timestamps, epoch } = session
  return {
    definition: [
      { kind: 'text', name: 'folder', value: op.path },
      { kind: 'text', name: 'timestamps', value: `${timestamps} ${epoch}` },
    ],
    run: async (): Promise<StepLayer> => {
      const lower = await session.lower(inputs.parent.chain)
      const { path, status } = lower.locate(op.path)
      if (status === undefined) return await writeLayer(session, inputs, folderEntries(session, lower, path))
      if ((status.mode & fileTypes.mask) === fileTypes.directory) return undefined
      const place = { dockerfile: session.dockerfile, instruction: inputs.step }
      throw failure('STEP_FAILED', { text: renderAt(place, `${op.path} is there and is not a folder`) })
    },
  }
}
