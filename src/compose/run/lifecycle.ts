import type { Project } from '../model/project.ts'
import { listContainers, type Observed, ofService } from './observed.ts'
import { inOrder } from './order.ts'
import type { ComposeParts } from './parts.ts'

export interface EachOptions {
  /** In the order opposite to that of the start. */
  readonly reverse?: boolean
  /** Also those that do not run; default true. */
  readonly all?: boolean
  readonly index?: number | undefined
}

/** Does something with each container of the project's services, in their order. Resolves with how many there were. */
export async function eachContainer(
  parts: ComposeParts,
  project: Project,
  work: (container: Observed) => Promise<void>,
  { reverse = false, all = true, index }: EachOptions = {},
): Promise<number> {
  const containers = (await listContainers(parts, project.name, { all })).filter(
    ({ service, number }) =>
      Object.hasOwn(project.services, service) && (index === undefined || number === index),
  )
  await inOrder(
    project,
    async (name) => {
      await Promise.all(ofService(containers, name).map(work))
    },
    { reverse },
  )
  return containers.length
}
