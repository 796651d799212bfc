import { join } from 'node:path'
import { isMilleError } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { PlannedMount } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepMount } from '../step-runner.ts'
import { mountFailure } from './mount-failure.ts'

type SshMountOp = Extract<PlannedMount, { type: 'ssh' }>

export interface OpenedAgents {
  readonly mounts: readonly StepMount[]
  /** SSH_AUTH_SOCK of the first one. */
  readonly env: readonly string[]
}

/** Forwards agents into a step (B33); one that was not given is left out unless it is required. */
export async function openAgents(
  session: BuildSession,
  inputs: StepInputs,
  all: readonly SshMountOp[],
  stack: AsyncDisposableStack,
): Promise<OpenedAgents> {
  const mounts: StepMount[] = []
  const targets = all.map(({ target }, index) => target ?? `/run/buildkit/ssh_agent.${index}`)
  for (const [index, mount] of all.entries()) {
    const source = session.ssh.get(mount.id)
    if (source === undefined) {
      if (!mount.required) continue
      const suggestion = suggest(mount.id, session.ssh.keys())
      const reason = `an ssh agent "${mount.id}" is required here: give it with --ssh ${mount.id}`
      throw mountFailure(session, inputs, mount, reason, { suggestion })
    }
    // the agent's code is for the few builds that forward one
    const { serveAgent } = await import('../ssh/serve-agent.ts')
    try {
      const folder = join(session.folder, inputs.step.id)
      const { path } = stack.use(await serveAgent(source, folder, `ssh-${index}`, mount))
      mounts.push({ type: 'bind', source: path, target: targets[index] ?? '', readonly: false })
    } catch (error) {
      if (!isMilleError(error)) throw error
      throw mountFailure(session, inputs, mount, error.message, { cause: error })
    }
  }
  return { mounts, env: targets.slice(0, 1).map((target) => `SSH_AUTH_SOCK=${target}`) }
}
