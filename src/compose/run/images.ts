import { parsePlatform } from '../../oci/platform.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { eachLimited } from '../../util/each-limited.ts'
import type { Project, Service } from '../model/project.ts'
import { imageName } from '../names.ts'
import { buildArguments, type BuildOptions } from './build-arguments.ts'
import type { ComposeParts } from './parts.ts'

export interface ImageOptions {
  /** Over what the services say. */
  readonly pull?: string | undefined
  /** Build also what is there. */
  readonly build?: boolean
  /** Images that are not there are an error. */
  readonly noBuild?: boolean
}

/** Has every image of the project here: pulled, built, or found. Resolves with their IDs by service. */
export async function ensureImages(
  parts: ComposeParts,
  project: Project,
  options: ImageOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const services = Object.entries(project.services)
  const byImage = Map.groupBy(services, ([name, service]) => imageName(project, name, service))
  await eachLimited([...byImage.values()], 4, async (sharing) => {
    // of services that share an image the one that can build it counts
    const [name, service] = sharing.find(([, { build }]) => build !== undefined) ?? sharing[0] ?? []
    if (name !== undefined && service !== undefined) await ensureImage(parts, project, name, service, options)
  })
  const ids = services.map(async ([name, service]) => {
    const { id } = await parts.engine.images.inspect(imageName(project, name, service))
    return [name, id] as const
  })
  return new Map(await Promise.all(ids))
}

async function ensureImage(
  parts: ComposeParts,
  project: Project,
  name: string,
  service: Service,
  options: ImageOptions,
): Promise<void> {
  const image = imageName(project, name, service)
  const policy = options.pull ?? service.pull_policy ?? 'missing'
  const here = await isHere(parts, image)
  const canBuild = service.build !== undefined && options.noBuild !== true
  if (canBuild && (options.build === true || policy === 'build'))
    return await buildService(parts, project, name)
  if (here && !(await isOld(parts, image, policy))) return
  if (policy === 'never') throw failure('COMPOSE_FAILED', { reason: `No such image: ${image}` })
  // what is built here is nowhere else, unless it was given a name
  const isPulled = service.build === undefined || (policy === 'always' && service.image !== undefined)
  if (!isPulled) {
    if (options.noBuild === true) throw failure('COMPOSE_FAILED', { reason: `No such image: ${image}` })
    return await buildService(parts, project, name)
  }
  try {
    await pullService(parts, project, name)
  } catch (error) {
    if (!canBuild || isMilleError(error, 'CANCELED')) throw error
    await buildService(parts, project, name)
  }
}

async function isHere({ engine }: ComposeParts, image: string): Promise<boolean> {
  try {
    await engine.images.inspect(image)
    return true
  } catch (error) {
    if (isMilleError(error, 'NO_SUCH_IMAGE')) return false
    throw error
  }
}

/** Is the image to be had again although it is here? `always`, `daily`, `weekly`, `every_12h`. */
async function isOld({ engine, now }: ComposeParts, image: string, policy: string): Promise<boolean> {
  if (policy === 'always') return true
  const hours = { daily: 24, weekly: 168 }[policy] ?? Number(/^every_(\d+)h$/.exec(policy)?.[1] ?? Infinity)
  if (hours === Infinity) return false
  const { lastTaggedAt = 0 } = await engine.images.inspect(image)
  return now() - lastTaggedAt > hours * 3_600_000
}

/** Pulls the service's image. */
export async function pullService(parts: ComposeParts, project: Project, name: string): Promise<void> {
  const service = project.services[name] ?? {}
  const { platform } = service
  parts.report('Image', imageName(project, name, service), 'Pulling')
  await parts.pull(
    imageName(project, name, service),
    platform === undefined ? undefined : parsePlatform(platform),
  )
  parts.report('Image', imageName(project, name, service), 'Pulled')
}

/** Builds the service's image, of whose file all is given. */
export async function buildService(
  parts: ComposeParts,
  project: Project,
  name: string,
  more: BuildOptions = {},
): Promise<void> {
  await parts.build(name, buildArguments(project, name, more))
}
