import type { ContainerWish } from '../../containers/containers.ts'
import { containerLabels, label } from './labels.ts'
import { configHash } from '../config-hash.ts'
import { containerName } from '../names.ts'
import type { Project, Service } from '../model/project.ts'
import { writeGivenFiles } from './given-files.ts'
import { listContainers, type Observed, ofService } from './observed.ts'
import type { ComposeParts } from './parts.ts'
import { serviceRequest } from './service-request.ts'
import { removeContainer, stopContainer } from './stop.ts'
import { anonymousVolumes, removeUnused } from './volumes.ts'

export type Recreate = 'diverged' | 'force' | 'never'

export interface ReconcileOptions {
  readonly images: ReadonlyMap<string, string>
  readonly scales: ReadonlyMap<string, number>
  readonly recreate: Recreate
  /** New containers do not take over the volumes without a name. */
  readonly renewsVolumes?: boolean
  /** Seconds. */
  readonly timeout?: number | undefined
  /** Those that run and are to be made anew are left to a rolling update. */
  readonly isRolling?: boolean
}

/** How many containers a service is to have. */
export function scaleOf(name: string, service: Service, scales: ReadonlyMap<string, number>): number {
  return scales.get(name) ?? service.scale ?? service.deploy?.replicas ?? 1
}

/** Is the container another one than the files ask for now? */
export function isDiverged(
  project: Project,
  container: Observed,
  options: Pick<ReconcileOptions, 'images' | 'recreate'>,
  all: readonly Observed[],
): boolean {
  if (options.recreate !== 'diverged') return options.recreate === 'force'
  const service = project.services[container.service] ?? {}
  if (container.hash !== configHash(service)) return true
  if (container.imageId !== options.images.get(container.service)) return true
  // whose namespaces it shares may have been made anew
  const { network, ipc, pid } = container.details.request
  const shared = [
    [service.network_mode, network],
    [service.ipc, ipc],
    [service.pid, pid],
  ] as const
  return shared.some(([wanted = '', present]) => {
    if (!wanted.startsWith('service:')) return false
    const [other] = ofService(all, wanted.slice('service:'.length))
    return present !== `container:${other?.id ?? ''}`
  })
}

/**
 * Makes a service's containers as many and such as the files say; nothing is started. Resolves with whether any was made
 * anew in the place of another.
 */
export async function reconcileService(
  parts: ComposeParts,
  project: Project,
  name: string,
  options: ReconcileOptions,
): Promise<boolean> {
  const service = project.services[name] ?? {}
  const wanted = scaleOf(name, service, options.scales)
  const all = await listContainers(parts, project.name)
  const present = ofService(all, name)
  const isOld = (container: Observed): boolean => isDiverged(project, container, options, all)
  // when there are too many, those that would be made anew go first, then the last ones
  const byWorth = present.toSorted((a, b) => Number(isOld(a)) - Number(isOld(b)) || a.number - b.number)
  const kept = byWorth.slice(0, wanted)
  for (const container of byWorth.slice(wanted)) {
    await stopContainer(parts, project, container, options.timeout)
    await removeContainer(parts, container)
  }
  let isRenewed = false
  for (const container of kept) {
    if (!isOld(container)) {
      const { status } = container.details.state
      if (status === 'running' || status === 'restarting')
        parts.report('Container', container.name, 'Running')
      continue
    }
    if (options.isRolling === true && container.details.state.status === 'running') continue
    await recreateContainer(parts, project, container, options)
    isRenewed = true
  }
  const numbers = new Set(kept.map(({ number }) => number))
  for (let missing = wanted - kept.length, number = 1; missing > 0; number += 1) {
    if (numbers.has(number)) continue
    await createContainer(parts, project, name, { number, images: options.images })
    missing -= 1
  }
  return isRenewed
}

export interface NewContainer {
  readonly number: number
  readonly images: ReadonlyMap<string, string>
  readonly replaced?: Observed
  readonly renewsVolumes?: boolean | undefined
  readonly isQuiet?: boolean
  /** It runs beside the one that it replaces, under a name of its own, and nobody is led to it yet. */
  readonly isBeside?: boolean
}

/** Resolves with the ID of a container that is ready to be started. */
export async function createContainer(
  parts: ComposeParts,
  project: Project,
  name: string,
  { number, images, replaced, renewsVolumes = false, isQuiet = false, isBeside = false }: NewContainer,
): Promise<string> {
  const service = project.services[name] ?? {}
  const wanted = containerName(project, name, service, number)
  // takes the name once the old one has gone
  const first = replaced === undefined || isBeside ? wanted : `${replaced.id.slice(0, 12)}_${wanted}`
  if (!isQuiet) parts.report('Container', wanted, 'Creating')
  const request = await containerRequest(parts, project, name, replaced, renewsVolumes)
  const labels = containerLabels(project, name, service, { number, imageId: images.get(name) ?? '' })
  const { id, warnings } = await parts.engine.containers.create({
    ...(isBeside ? unreachable(request) : request),
    name: first,
    labels: { ...labels, ...(replaced !== undefined && { [label.replace]: replaced.id }) },
  })
  for (const warning of warnings) parts.warn(warning)
  try {
    await writeGivenFiles(parts, id, project, service)
  } catch (error) {
    await parts.engine.containers.remove(id, { force: true, volumes: true })
    throw error
  }
  if (!isQuiet) parts.report('Container', wanted, 'Created')
  return id
}

/** What a container of the service is made of, when it takes the place of `replaced`. */
export async function containerRequest(
  parts: ComposeParts,
  project: Project,
  name: string,
  replaced: Observed | undefined,
  renewsVolumes = false,
): Promise<ContainerWish> {
  const all = await listContainers(parts, project.name)
  return await serviceRequest(project, name, project.services[name] ?? {}, {
    containerOf: (other) => ofService(all, other)[0]?.id ?? other,
    replaced: renewsVolumes ? undefined : replaced?.details,
  })
}

/** In its networks under its own name alone, and on no port of the machine. */
function unreachable(request: ContainerWish): ContainerWish {
  const endpoints = Object.entries(request.endpoints ?? {}).map(([name, endpoint]) => [
    name,
    { ...endpoint, aliases: [] },
  ])
  return {
    ...request,
    ports: [],
    ...(request.endpoints !== undefined && { endpoints: Object.fromEntries(endpoints) }),
  }
}

/** The new one is made before the old one goes: what cannot be made takes nothing away. */
async function recreateContainer(
  parts: ComposeParts,
  project: Project,
  old: Observed,
  { images, timeout, renewsVolumes }: ReconcileOptions,
): Promise<void> {
  const name = old.name
  parts.report('Container', name, 'Recreate')
  const options = { number: old.number, images, replaced: old, renewsVolumes, isQuiet: true }
  const id = await createContainer(parts, project, old.service, options)
  await stopContainer(parts, project, old, timeout, true)
  const forgotten = renewsVolumes === true ? await anonymousVolumes(parts, [old]) : []
  await parts.engine.containers.remove(old.id, { force: true, volumes: renewsVolumes === true })
  await removeUnused(parts, forgotten)
  const service = project.services[old.service] ?? {}
  await parts.engine.containers.rename(id, containerName(project, old.service, service, old.number))
  parts.report('Container', name, 'Recreated')
}
