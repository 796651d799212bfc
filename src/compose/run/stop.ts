import { isMilleError } from '../../util/errors.ts'
import type { Project } from '../model/project.ts'
import { runHooks } from './hooks.ts'
import type { Observed } from './observed.ts'
import type { ComposeParts } from './parts.ts'

/** Ends a container that runs, after what is to be done before. `timeout` in seconds. */
export async function stopContainer(
  parts: ComposeParts,
  project: Pick<Project, 'services'>,
  container: Observed,
  timeout?: number,
  isQuiet = false,
): Promise<void> {
  const { id, name, service, details } = container
  const say = (state: string): void => (isQuiet ? undefined : parts.report('Container', name, state))
  say('Stopping')
  if (details.state.status === 'running') await runHooks(parts, id, project.services[service]?.pre_stop ?? [])
  try {
    await parts.engine.containers.stop(id, timeout === undefined ? {} : { timeout })
  } catch (error) {
    if (!isMilleError(error, 'CONTAINER_ALREADY_STOPPED', 'NO_SUCH_CONTAINER')) throw error
  }
  say('Stopped')
}

export async function removeContainer(
  parts: ComposeParts,
  { id, name }: Observed,
  { volumes = false }: { readonly volumes?: boolean } = {},
): Promise<void> {
  parts.report('Container', name, 'Removing')
  try {
    await parts.engine.containers.remove(id, { force: true, volumes })
  } catch (error) {
    if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
  }
  parts.report('Container', name, 'Removed')
}
