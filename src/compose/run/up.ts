import type { Project } from '../model/project.ts'
import { checkSupported } from './unsupported.ts'
import { ensureImages, type ImageOptions } from './images.ts'
import { ensureNetworks } from './networks.ts'
import { listContainers, settleReplacements } from './observed.ts'
import { inOrder } from './order.ts'
import type { ComposeParts } from './parts.ts'
import { reconcileService, type ReconcileOptions, type Recreate } from './reconcile.ts'
import { startService } from './start.ts'
import { removeContainer, stopContainer } from './stop.ts'
import { ensureVolumes } from './volumes.ts'

export interface UpOptions extends ImageOptions {
  readonly scales: ReadonlyMap<string, number>
  readonly recreate: Recreate
  /** How services are made anew that are only there because others need them; default `diverged`. */
  readonly recreateDependencies?: Recreate
  /** The services that were asked for. */
  readonly asked: readonly string[]
  readonly renewsVolumes?: boolean
  readonly removesOrphans?: boolean
  readonly ignoresOrphans?: boolean
  readonly timeout?: number | undefined
  readonly startsNothing?: boolean
}

/** Everything of the project is there as the files say, and nothing started: `compose create`. COMPOSE_*. */
export async function createProject(
  parts: ComposeParts,
  project: Project,
  options: UpOptions,
): Promise<ReadonlyMap<string, string>> {
  for (const [name, service] of Object.entries(project.services)) checkSupported(name, service)
  const images = await ensureImages(parts, project, options)
  await settleReplacements(parts, project.name)
  await ensureNetworks(parts, project)
  await ensureVolumes(parts, project)
  await handleOrphans(parts, project, options)
  const renewed = new Set<string>()
  await inOrder(project, async (name) => {
    const isAsked = options.asked.includes(name)
    const reconcile: ReconcileOptions = {
      images,
      scales: options.scales,
      recreate: isAsked ? options.recreate : (options.recreateDependencies ?? 'diverged'),
      timeout: options.timeout,
      ...(options.renewsVolumes === true && { renewsVolumes: true }),
    }
    if (await reconcileService(parts, project, name, reconcile)) renewed.add(name)
  })
  await stopDependents(parts, project, renewed)
  return images
}

/** `up -d`. COMPOSE_*. */
export async function upProject(parts: ComposeParts, project: Project, options: UpOptions): Promise<void> {
  await createProject(parts, project, options)
  if (options.startsNothing !== true) await inOrder(project, (name) => startService(parts, project, name))
}

/** `depends_on` with `restart: true`: who depends on a service that was made anew begins anew too. */
async function stopDependents(
  parts: ComposeParts,
  project: Project,
  renewed: ReadonlySet<string>,
): Promise<void> {
  for (const container of await listContainers(parts, project.name, { all: false })) {
    const needs = Object.entries(project.services[container.service]?.depends_on ?? {})
    if (needs.some(([other, { restart }]) => restart === true && renewed.has(other)))
      await stopContainer(parts, project, container)
  }
}

/** Containers of services that the files do not have any more. */
async function handleOrphans(parts: ComposeParts, project: Project, options: UpOptions): Promise<void> {
  const known = new Set(project.serviceNames)
  const orphans = (await listContainers(parts, project.name)).filter(({ service }) => !known.has(service))
  if (orphans.length === 0) return
  if (options.removesOrphans === true) {
    for (const orphan of orphans) {
      await stopContainer(parts, project, orphan, options.timeout)
      await removeContainer(parts, orphan)
    }
  } else if (options.ignoresOrphans !== true) {
    const names = orphans.map(({ name }) => name).join(' ')
    parts.warn(
      `Found orphan containers ([${names}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
    )
  }
}
