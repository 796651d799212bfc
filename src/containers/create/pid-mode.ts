import type { ProcessSpec } from '../../runtime/runtime.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerRequest } from '../containers.ts'
import { handleOf } from '../handle.ts'
import type { ContainerParts } from '../parts.ts'
import { getContainer } from '../record.ts'

type PidNamespace = NonNullable<ProcessSpec['namespaces']>['pid']

/**
 * The `--pid` of a new container, another container by its ID, as Docker keeps it. INVALID_ARGUMENT, NO_SUCH_CONTAINER;
 * NOT_IMPLEMENTED where there are no control groups: then nothing tells its processes from the others when it ends.
 */
export async function choosePidMode(
  { store, runtime }: ContainerParts,
  { pid = '' }: ContainerRequest,
): Promise<Pick<ContainerRequest, 'pid'>> {
  if (pid === '') return {}
  const [, other] = /^container:(.+)$/.exec(pid) ?? []
  if (other === undefined && pid !== 'host')
    throw failure('INVALID_ARGUMENT', { reason: '--pid: invalid PID mode' })
  if ((await runtime.describe()).cgroups === 'none')
    throw failure('NOT_IMPLEMENTED', { feature: 'a shared PID namespace without control groups' })
  return { pid: other === undefined ? pid : `container:${getContainer(store, other).id}` }
}

/** Where a container that starts now finds it. NO_SUCH_CONTAINER, PID_OF_STOPPED. */
export async function pidNamespace(parts: ContainerParts, { pid }: ContainerRequest): Promise<PidNamespace> {
  if (pid === undefined || pid === 'host') return pid
  const { id } = getContainer(parts.store, pid.slice('container:'.length))
  const state = await parts.runtime.state(handleOf(parts, id))
  if (state.status !== 'running' && state.status !== 'paused') throw failure('PID_OF_STOPPED', { id })
  return { path: `/proc/${state.pid}/ns/pid` }
}
