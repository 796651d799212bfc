import { digestHex, sha256 } from '../../oci/digest.ts'
import type { Resource } from '../../store/store.ts'
import { isMilleError } from '../../util/errors.ts'
import { contextFiles } from '../mounts/context-files.ts'
import type { MountSources } from '../mounts/mount-sources.ts'
import type { BuildStep, PlannedMount, RunOp, StepId } from '../plan/step.ts'
import type { BuildSession, StepInputs, StepResult } from '../session.ts'
import { FailedSteps } from './failed-steps.ts'

/** ID of the step, should it fail. */
function failureId({ id }: BuildSession, step: BuildStep): string {
  return digestHex(sha256(`${id} ${step.id}`)).slice(0, 12)
}

/** Of the files a step changes: it holds the ID of what is kept should it fail, so that the collector knows whose it is. */
export function snapshotKey(session: BuildSession, step: BuildStep): string {
  return `${session.id}-${step.id.replace('.', '-')}-${failureId(session, step)}`
}

/** What a user can do about it. */
export function keptNotes(id: string): string[] {
  return [
    `its files are kept until the next build, at most 24 hours: mille debug ${id} opens a shell there`,
    'what came before it is cached: building again begins with this step',
  ]
}

/** The ID under which the failed step is kept; undefined when it is not, as on a full disk. */
export async function keepFailure(
  session: BuildSession,
  inputs: StepInputs,
  op: RunOp,
  sources: MountSources,
  exitCode: number,
): Promise<string | undefined> {
  if (!session.keepsFailures || session.signal.aborted) return undefined
  const { store, scope, timestamps, epoch, hasEpoch, offline, run, dockerfile } = session
  const { places: _, ...step } = inputs.step
  const id = failureId(session, inputs.step)
  const now = Date.now()
  try {
    const { mounts, results } = await withoutContext(session, inputs, op, sources)
    new FailedSteps(store).keep(
      id,
      {
        scope,
        dockerfile: { fileName: dockerfile.fileName, source: dockerfile.source },
        step: { ...step, op: { ...op, mounts } },
        results,
        run,
        timestamps,
        epoch,
        hasEpoch,
        offline,
        exitCode,
        key: snapshotKey(session, inputs.step),
        createdAt: now,
        lastUsedAt: now,
        uses: 0,
      },
      holdsOf(Object.values(results)),
    )
    return id
  } catch (error) {
    // the build has its reason to fail already
    if (isMilleError(error)) return undefined
    throw error
  }
}

/** Mounts of the context as mounts of the layer that was made of it: the context will have changed. */
async function withoutContext(
  session: BuildSession,
  inputs: StepInputs,
  op: RunOp,
  sources: MountSources,
): Promise<{ readonly mounts: readonly PlannedMount[]; readonly results: Record<StepId, StepResult> }> {
  const results: Record<StepId, StepResult> = {}
  const mounts: PlannedMount[] = []
  for (const [index, mount] of op.mounts.entries()) {
    if (mount.type === 'bind' && mount.origin.kind === 'context') {
      const { chain, path } = await contextFiles(session, inputs, mount, await sources.selection(mount))
      const step = `context ${index}`
      results[step] = { diffIds: [], cached: true, ...(chain !== undefined && { chain }) }
      mounts.push({ ...mount, origin: { kind: 'step', step }, source: path })
      continue
    }
    if ('origin' in mount && mount.origin.kind === 'step') {
      const result = inputs.results.get(mount.origin.step)
      if (result !== undefined) results[mount.origin.step] = result
    }
    mounts.push(mount)
  }
  return { mounts, results }
}

function holdsOf(results: readonly StepResult[]): Resource[] {
  return results.flatMap(({ chain }) => (chain === undefined ? [] : [{ kind: 'chain', chain } as const]))
}
