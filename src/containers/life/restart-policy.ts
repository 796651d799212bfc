import { failure } from '../../util/errors.ts'
import type { ContainerRequest, RestartPolicy } from '../containers.ts'
import type { ContainerData, ContainerExit } from '../record.ts'

/** Milliseconds: before the first start by policy, and the longest. Between them each wait is twice the last. */
const backOff = { first: 100, longest: 60_000 } as const
/** Milliseconds that a container must have run to count as sound again. */
const soundAfter = 10_000

const names = ['no', 'always', 'on-failure', 'unless-stopped']

/** In Docker's words: RESTART_POLICY_INVALID. */
export function checkRestartPolicy({
  restartPolicy,
  autoRemove,
}: Pick<ContainerRequest, 'restartPolicy' | 'autoRemove'>): void {
  if (restartPolicy === undefined) return
  const { name, maximumRetryCount } = restartPolicy
  const refuse = (reason: string): never => {
    throw failure('RESTART_POLICY_INVALID', { reason })
  }
  if (!names.includes(name))
    refuse(`unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`)
  if (maximumRetryCount !== 0 && name !== 'on-failure')
    refuse("maximum retry count can only be used with 'on-failure'")
  if (maximumRetryCount < 0) refuse('maximum retry count cannot be negative')
  if (autoRemove && name !== 'no') throw failure('RESTART_OF_REMOVED', {})
}

export function hasPolicy({ restartPolicy }: ContainerRequest): boolean {
  return restartPolicy !== undefined && restartPolicy.name !== 'no'
}

/** Milliseconds after which a container that ended so is to be started again; undefined when it is not. */
export function restartDelay(data: ContainerData, exit: ContainerExit): number | undefined {
  const { request, isStopped, restartCount = 0 } = data
  if (isStopped === true || !wantsRestart(request.restartPolicy, exit.code, restartCount)) return undefined
  const isSound = exit.finishedAt - data.startedAt >= soundAfter
  if (data.lastDelay === undefined || isSound) return backOff.first
  return Math.min(data.lastDelay * 2, backOff.longest)
}

/** Milliseconds left of a planned wait. A clock that was set back meanwhile must not make it longer (B-RN-12). */
export function remainingDelay(
  { restart, lastDelay = backOff.longest }: Pick<ContainerData, 'restart' | 'lastDelay'>,
  now: number,
): number {
  return Math.min(Math.max((restart?.at ?? now) - now, 0), lastDelay)
}

function wantsRestart(policy: RestartPolicy | undefined, exitCode: number, restartCount: number): boolean {
  if (policy?.name === 'always' || policy?.name === 'unless-stopped') return true
  if (policy?.name !== 'on-failure') return false
  const { maximumRetryCount } = policy
  return exitCode !== 0 && (maximumRetryCount === 0 || restartCount < maximumRetryCount)
}
