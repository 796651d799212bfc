import { failure, isMilleError } from '../../util/errors.ts'
import { networkPools } from '../../containers/network/address-pools.ts'
import type { NetworkDetails, NetworkRequest } from '../../containers/network/networks.ts'
import type { NetworkConfig, Project } from '../model/project.ts'
import { isOtherResource, label, resourceLabels } from './labels.ts'
import { listContainers } from './observed.ts'
import type { ComposeParts } from './parts.ts'
import { stopContainer } from './stop.ts'

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
    if (network.external === true) return
    const isOwn = found.labels[label.project] === project.name
    if (isOwn && isOtherResource(found.labels, network)) {
      await leaveNetwork(parts, project, found)
      return await ensureNetwork(parts, project, key, network)
    }
    if (!isOwn)
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

/** It is made anew: who is in it stops, and is started in the new one of its name. */
async function leaveNetwork(
  parts: ComposeParts,
  project: Project,
  { id, name }: NetworkDetails,
): Promise<void> {
  for (const container of await listContainers(parts, project.name, { all: false })) {
    if (Object.hasOwn(container.details.networks, name)) await stopContainer(parts, project, container)
  }
  await parts.engine.networks.remove(id)
  parts.report('Network', name, 'Removed')
}

function absent(error: unknown): undefined {
  if (!isMilleError(error, 'NO_SUCH_NETWORK')) throw error
}

function networkRequest(project: Project, key: string, name: string, network: NetworkConfig): NetworkRequest {
  const { driver = 'bridge', ipam, driver_opts = {}, enable_ipv6 = false, enable_ipv4 = true } = network
  const unsupported = (what: string, reason: string): Error =>
    failure('COMPOSE_UNSUPPORTED', { what: `networks.${key}.${what}`, reason })
  if (driver !== 'bridge') throw unsupported(`driver ${driver}`, 'networks are bridges')
  if (!enable_ipv4) throw unsupported('enable_ipv4', 'every network has IPv4 addresses')
  if (ipam?.driver !== undefined && ipam.driver !== 'default')
    throw unsupported('ipam.driver', 'there is only default')
  const pools = (ipam?.config ?? []).map(({ subnet, gateway, ip_range, aux_addresses }) => ({
    ...(subnet !== undefined && { subnet }),
    ...(gateway !== undefined && { gateway }),
    ...(ip_range !== undefined && { range: ip_range }),
    ...(aux_addresses !== undefined && { reserved: aux_addresses }),
  }))
  return {
    name,
    labels: resourceLabels(project, 'network', key, network),
    ...(network.internal === true && { internal: true }),
    ...(network.attachable === true && { attachable: true }),
    ...(Object.keys(driver_opts).length > 0 && { options: driver_opts }),
    ...networkPools(pools, enable_ipv6),
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
