import { isMilleError } from '../../util/errors.ts'
import type { Project } from '../model/project.ts'
import { imageName } from '../names.ts'
import { removeNetworks } from './networks.ts'
import { listContainers, type Observed, ofService } from './observed.ts'
import { inOrder } from './order.ts'
import type { ComposeParts } from './parts.ts'
import { removeContainer, stopContainer } from './stop.ts'
import { anonymousVolumes, removeVolumes } from './volumes.ts'

export interface DownOptions {
  readonly removesOrphans?: boolean
  readonly volumes?: boolean
  readonly images?: 'all' | 'local' | undefined
  readonly timeout?: number | undefined
  /** Only these; networks and volumes stay. */
  readonly services?: readonly string[]
}

/** Stops and removes what `up` made, in the order opposite to that of the start. */
export async function downProject(
  parts: ComposeParts,
  project: Project,
  options: DownOptions,
): Promise<void> {
  const all = await listContainers(parts, project.name, { oneOff: true })
  const isChosen = ({ service }: Observed): boolean => (options.services ?? [service]).includes(service)
  const known = new Set(project.serviceNames)
  // what another profile started is no orphan, and not this one's to end
  const isPart = ({ service }: Observed): boolean =>
    Object.hasOwn(project.services, service) || (options.removesOrphans === true && !known.has(service))
  const doomed = all.filter((container) => isChosen(container) && isPart(container))
  const anonymous = options.volumes === true ? await anonymousVolumes(parts, doomed) : []
  const end = async (containers: readonly Observed[]): Promise<void> => {
    await Promise.all(
      containers.map(async (container) => {
        await stopContainer(parts, project, container, options.timeout)
        await removeContainer(parts, container, { volumes: options.volumes === true })
      }),
    )
  }
  await end(doomed.filter(({ service }) => !Object.hasOwn(project.services, service)))
  await inOrder(project, (name) => end(ofService(doomed, name)), { reverse: true })
  if (options.services !== undefined) return
  const hadVolumes = options.volumes === true && (await removeVolumes(parts, project.name, anonymous))
  const hadNetworks = await removeNetworks(parts, project.name)
  if (options.images !== undefined) await removeImages(parts, project, options.images)
  if (doomed.length === 0 && !hadNetworks && !hadVolumes)
    parts.warn(`Warning: No resource found to remove for project "${project.name}".`)
}

/** `local`: those that were built here and given no name. */
async function removeImages(parts: ComposeParts, project: Project, kind: 'all' | 'local'): Promise<void> {
  const services = Object.entries(project.services).filter(
    ([, { image }]) => kind === 'all' || image === undefined,
  )
  for (const name of new Set(services.map(([service, fields]) => imageName(project, service, fields)))) {
    parts.report('Image', name, 'Removing')
    try {
      await parts.engine.images.remove(name, {})
      parts.report('Image', name, 'Removed')
    } catch (error) {
      if (!isMilleError(error)) throw error
      parts.report(
        'Image',
        name,
        error.kind === 'not-found' ? 'Warning: No resource found to remove' : 'Resource is still in use',
      )
    }
  }
}
