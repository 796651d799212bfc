import type { Project } from '../model/project.ts'
import { getService, selectServices } from '../model/select-services.ts'
import { checkSupported } from './unsupported.ts'
import { ensureImages, type ImageOptions } from './images.ts'
import { ensureNetworks } from './networks.ts'
import { listContainers } from './observed.ts'
import { findOrphans, removeOrphans } from './orphans.ts'
import { inOrder } from './order.ts'
import type { ComposeParts } from './parts.ts'
import { reconcileService, type ReconcileOptions, type Recreate } from './reconcile.ts'
import { rollService } from './rolling.ts'
import { settleReplacements } from './settle-replacements.ts'
import { startService, waitForDependencies } from './start.ts'
import { stopContainer } from './stop.ts'
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
  /** What runs goes on until what takes its place is healthy. */
  readonly isRolling?: boolean
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
    const reconcile = reconcileOptions(name, images, options)
    if (await reconcileService(parts, project, name, reconcile)) renewed.add(name)
  })
  await stopDependents(parts, project, renewed)
  return images
}

function reconcileOptions(
  name: string,
  images: ReadonlyMap<string, string>,
  options: UpOptions,
): ReconcileOptions {
  const isAsked = options.asked.includes(name)
  return {
    images,
    scales: options.scales,
    recreate: isAsked ? options.recreate : (options.recreateDependencies ?? 'diverged'),
    timeout: options.timeout,
    renewsVolumes: options.renewsVolumes === true,
    isRolling: options.isRolling === true,
  }
}

/** `up -d`. COMPOSE_*. */
export async function upProject(parts: ComposeParts, project: Project, options: UpOptions): Promise<void> {
  const images = await createProject(parts, project, options)
  if (options.startsNothing === true) return
  await inOrder(project, async (name) => {
    await startService(parts, project, name)
    if (options.isRolling === true)
      await rollService(parts, project, name, reconcileOptions(name, images, options))
  })
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

async function handleOrphans(parts: ComposeParts, project: Project, options: UpOptions): Promise<void> {
  if (options.removesOrphans === true) return await removeOrphans(parts, project, options.timeout)
  if (options.ignoresOrphans === true) return
  const names = (await findOrphans(parts, project)).map(({ name }) => name).join(' ')
  if (names !== '')
    parts.warn(
      `Found orphan containers ([${names}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
    )
}

/** What one command in a container of the service needs: networks, volumes, and the others as it wants them. COMPOSE_*. */
export async function startedDependencies(
  parts: ComposeParts,
  project: Project,
  others: Project,
  name: string,
  options: { readonly removesOrphans: boolean },
): Promise<void> {
  const service = getService(project, name)
  checkSupported(name, service)
  const own = selectServices(project, [name])
  await ensureNetworks(parts, own)
  await ensureVolumes(parts, own)
  const asked = Object.keys(others.services)
  await upProject(parts, others, { scales: new Map(), recreate: 'diverged', asked, ...options })
  if (asked.length > 0) await waitForDependencies(parts, project, name, service)
}
