import { failure } from '../../util/errors.ts'
import type { ProcessSpec } from '../runtime.ts'

/** Limits of memory: the keeper would have them, too, and could not do its work. */
const ofKeeper: readonly string[] = ['as', 'data']

/** What must not be left out silently, as the step would have less isolation than was asked for. ISOLATION_UNAVAILABLE. */
export function refuseUnsupported(
  { network, privileged, cgroupParent, ulimits = [] }: ProcessSpec,
  reason: string,
): void {
  const refuse = (feature: string, advice: string): never => {
    const whole = `it needs namespaces, and there is only chroot isolation (${reason}): ${advice}`
    throw failure('ISOLATION_UNAVAILABLE', { what: feature, reason: whole })
  }
  if (network.kind !== 'host') refuse('--network=none', 'leave it out, the step has the network around it')
  if (privileged === true) refuse('--security=insecure', 'build where mille may make namespaces')
  if (cgroupParent !== undefined) refuse('--cgroup-parent', 'leave it out')
  const limit = ulimits.find(({ name }) => ofKeeper.includes(name))
  if (limit !== undefined) refuse(`--ulimit ${limit.name}`, 'leave it out')
}
