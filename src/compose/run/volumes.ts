import { failure, isMilleError } from '../../util/errors.ts'
import type { Project } from '../model/project.ts'
import { isOtherResource, label, resourceLabels } from './labels.ts'
import type { Observed } from './observed.ts'
import type { ComposeParts } from './parts.ts'

/** Makes the project's volumes that are not there. COMPOSE_FAILED for an external one that is missing. */
export async function ensureVolumes(parts: ComposeParts, project: Project): Promise<void> {
  const { engine, report } = parts
  for (const [key, volume] of Object.entries(project.volumes)) {
    const name = volume.name ?? key
    const found = await engine.volumes.inspect(name).catch(absent)
    if (found !== undefined) {
      if (volume.external !== true && found.labels[label.project] !== project.name)
        parts.warn(
          `volume "${name}" already exists but was not created by Docker Compose. Use \`external: true\` to use an existing volume`,
        )
      else if (volume.external !== true && isOtherResource(found.labels, volume))
        parts.warn(
          `volume "${name}" exists but doesn't match configuration in compose file: it is kept as it is, with its data`,
        )
      continue
    }
    if (volume.external === true)
      throw failure('COMPOSE_FAILED', { reason: `external volume "${name}" not found` })
    if (volume.driver !== undefined && volume.driver !== 'local')
      throw failure('COMPOSE_UNSUPPORTED', {
        what: `volumes.${key}.driver ${volume.driver}`,
        reason: 'the only driver is local',
      })
    report('Volume', name, 'Creating')
    const { driver_opts: options } = volume
    const labels = resourceLabels(project, 'volume', key, volume)
    await engine.volumes.create({ name, labels, ...(options !== undefined && { options }) })
    report('Volume', name, 'Created')
  }
}

function absent(error: unknown): undefined {
  if (!isMilleError(error, 'NO_SUCH_VOLUME')) throw error
}

/** Removes the volumes that were made for the project, and those without a name that its containers had. */
export async function removeVolumes(
  parts: ComposeParts,
  project: string,
  anonymous: readonly string[],
): Promise<boolean> {
  const { engine, report } = parts
  const volumes = await engine.volumes.list({ label: [`${label.project}=${project}`] })
  for (const { name } of volumes) {
    report('Volume', name, 'Removing')
    try {
      await engine.volumes.remove(name, { force: true })
      report('Volume', name, 'Removed')
    } catch (error) {
      if (!isMilleError(error, 'VOLUME_IN_USE')) throw error
      report('Volume', name, 'Resource is still in use')
    }
  }
  await removeUnused(parts, anonymous)
  return volumes.length > 0
}

/** Those that no container has. */
export async function removeUnused({ engine }: ComposeParts, names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      await engine.volumes.remove(name, { force: true })
    } catch (error) {
      if (!isMilleError(error, 'VOLUME_IN_USE')) throw error
    }
  }
}

/** Volumes without a name that the containers mount, also those that a container took over from the one it replaced. */
export async function anonymousVolumes(
  { engine }: ComposeParts,
  containers: readonly Observed[],
): Promise<string[]> {
  const known = await engine.volumes.list()
  const anonymous = new Set(known.flatMap(({ name, anonymous }) => (anonymous ? [name] : [])))
  const mounted = containers.flatMap(({ details }) => details.mounts.map(({ name }) => name ?? ''))
  return [...new Set(mounted)].filter((name) => anonymous.has(name))
}
