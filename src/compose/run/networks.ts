import { failure, isMilleError } from '../../util/errors.ts'
import type { NetworkRequest } from '../../containers/network/networks.ts'
import type { NetworkConfig, Project } from '../model/project.ts'
import { label, resourceLabels } from './labels.ts'
import type { ComposeParts } from './parts.ts'

/** Makes the project's networks that are not there. COMPOSE_FAILED for an external one that is missing. */
export async function ensureNetworks(parts: ComposeParts, project: Project): Promise<void> {
  for (const [key, network] of Object.entries(project.networks))
    await ensureNetwork(parts, project, key, network)
}

async function ensureNetwork(
  parts: ComposeParts,
  project: Project,
  key: string,
  network: NetworkConfig,
): Promise<void> {
  const { engine, report } = parts
  const name = network.name ?? key
  const found = await engine.networks.inspect(name).catch(absent)
  if (found?.name === name) {
    const owner = found.labels[label.project]
    if (network.external !== true && owner !== project.name)
      parts.warn(
        `a network with name ${name} exists but was not created for project "${project.name}".\nSet \`external: true\` to use an existing network`,
      )
    return
  }
  if (network.external === true)
    throw failure('COMPOSE_FAILED', {
      reason: `network ${name} declared as external, but could not be found`,
    })
  report('Network', name, 'Creating')
  try {
    await engine.networks.create(networkRequest(project, key, name, network))
  } catch (error) {
    // another `up` was faster
    if (!isMilleError(error, 'NETWORK_NAME_IN_USE')) throw error
  }
  report('Network', name, 'Created')
}

function absent(error: unknown): undefined {
  if (!isMilleError(error, 'NO_SUCH_NETWORK')) throw error
}

function networkRequest(project: Project, key: string, name: string, network: NetworkConfig): NetworkRequest {
  const { driver = 'bridge', ipam, driver_opts = {}, enable_ipv6 = false } = network
  const unsupported = (what: string, reason: string): Error =>
    failure('COMPOSE_UNSUPPORTED', { what: `networks.${key}.${what}`, reason })
  if (driver !== 'bridge') throw unsupported(`driver ${driver}`, 'networks are bridges')
  if (enable_ipv6) throw unsupported('enable_ipv6', 'networks have IPv4 addresses')
  if (ipam?.driver !== undefined && ipam.driver !== 'default')
    throw unsupported('ipam.driver', 'there is only default')
  const [pool, ...more] = ipam?.config ?? []
  if (more.length > 0) throw unsupported('ipam.config', 'a network has one subnet')
  const { subnet, gateway, ip_range } = pool ?? {}
  return {
    name,
    labels: resourceLabels(project, 'network', key, network),
    ...(network.internal === true && { internal: true }),
    ...(network.attachable === true && { attachable: true }),
    ...(Object.keys(driver_opts).length > 0 && { options: driver_opts }),
    ...(subnet !== undefined && { subnet }),
    ...(gateway !== undefined && { gateway }),
    ...(ip_range !== undefined && { range: ip_range }),
  }
}

/** Removes the networks that were made for the project. One that others are connected to stays, with a warning. */
export async function removeNetworks(parts: ComposeParts, project: string): Promise<boolean> {
  const { engine, report } = parts
  const networks = await engine.networks.list({ label: [`${label.project}=${project}`] })
  for (const { id, name } of networks) {
    report('Network', name, 'Removing')
    try {
      await engine.networks.remove(id)
      report('Network', name, 'Removed')
    } catch (error) {
      if (isMilleError(error, 'NO_SUCH_NETWORK')) report('Network', name, 'Removed')
      else if (isMilleError(error, 'NETWORK_IN_USE')) report('Network', name, 'Resource is still in use')
      else throw error
    }
  }
  return networks.length > 0
}
