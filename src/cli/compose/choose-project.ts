import type { Project } from '../../compose/model/project.ts'
import { selectServices, withDependencies } from '../../compose/model/select-services.ts'
import { foundProject } from '../../compose/run/found-project.ts'
import { isMilleError } from '../../util/errors.ts'
import type { CommandContext } from '../command.ts'
import { groupFlags, openProject } from './open-project.ts'

/**
 * The project of the files; where there are none but a name was given, what its containers tell. COMPOSE_*, COMPOSE_NO_SERVICE
 * for a service that it has not.
 */
export async function chooseProject(
  context: CommandContext,
  services: readonly string[] = [],
  options: { readonly dependencies?: boolean } = {},
): Promise<Project> {
  const project = await anyProject(context, services)
  if (services.length === 0) return project
  return selectServices(
    project,
    options.dependencies === true ? withDependencies(project, services) : services,
  )
}

async function anyProject(context: CommandContext, wanted: readonly string[]): Promise<Project> {
  const name = groupFlags(context)['project-name'] ?? context.env['COMPOSE_PROJECT_NAME'] ?? ''
  try {
    return await openProject(context, { wanted })
  } catch (error) {
    if (name === '' || !isMilleError(error, 'COMPOSE_NO_FILE')) throw error
    return await foundProject({ engine: await context.engine() }, name)
  }
}
