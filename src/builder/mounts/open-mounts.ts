import type { PlannedMount, RunOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepMount, StepSpec } from '../step-runner.ts'
import { openBind } from './bind-mount.ts'
import { openCaches } from './cache-mount.ts'
import type { MountSources } from './mount-sources.ts'
import { openSecrets } from './secret-mount.ts'
import { openAgents } from './ssh-mount.ts'

export interface OpenedMounts extends Pick<StepSpec, 'secrets'> {
  readonly mounts: readonly StepMount[]
  readonly env: readonly string[]
}

/** Makes all mounts of a RUN ready; `stack` gives back what they hold. `key` is unique to the step. */
export async function openMounts(
  session: BuildSession,
  inputs: StepInputs,
  op: RunOp,
  sources: MountSources,
  { key, stack }: { readonly key: string; readonly stack: AsyncDisposableStack },
): Promise<OpenedMounts> {
  // what can be missing comes first: a step should not wait for a cache and then fail
  const secrets = await openSecrets(session, inputs, ofType(op, 'secret'))
  const agents = await openAgents(session, inputs, ofType(op, 'ssh'), stack)
  const mounts = [...agents.mounts]
  for (const [index, mount] of ofType(op, 'bind').entries())
    mounts.push(await openBind(session, inputs, mount, sources, { key: `${key}-bind-${index}`, stack }))
  for (const { target, readonly, size } of ofType(op, 'tmpfs'))
    // unlike the runtime's own, one that programs may be run from
    mounts.push({
      type: 'tmpfs',
      target,
      readonly,
      options: ['exec', 'dev', 'mode=1777', ...(size === undefined ? [] : [`size=${size}`])],
    })
  mounts.push(...(await openCaches(session, inputs, op, { sources, stack })))
  const hasSecrets = secrets.env.length + secrets.files.length > 0
  return { mounts, env: agents.env, ...(hasSecrets ? { secrets } : {}) }
}

function ofType<Type extends PlannedMount['type']>(
  { mounts }: RunOp,
  type: Type,
): Extract<PlannedMount, { type: Type }>[] {
  return mounts.filter((mount): mount is Extract<PlannedMount, { type: Type }> => mount.type === type)
}
