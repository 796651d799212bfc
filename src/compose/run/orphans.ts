import type { Project } from '../model/project.ts'
import { listContainers, type Observed } from './observed.ts'
import type { ComposeParts } from './parts.ts'
import { removeContainer, stopContainer } from './stop.ts'

/** Containers of services that the files do not have any more. */
export async function findOrphans(parts: ComposeParts, project: Project): Promise<Observed[]> {
  const known = new Set(project.serviceNames)
  return (await listContainers(parts, project.name)).filter(({ service }) => !known.has(service))
}

export async function removeOrphans(parts: ComposeParts, project: Project, timeout?: number): Promise<void> {
  for (const orphan of await findOrphans(parts, project)) {
    await stopContainer(parts, project, orphan, timeout)
    await removeContainer(parts, orphan)
  }
}
