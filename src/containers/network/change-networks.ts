import type { Endpoint } from '../../runtime/runtime.ts'
import { failure } from '../../util/errors.ts'
import { checkEndpoint } from './choose-networks.ts'
import { recordNetwork } from '../container-events.ts'
import { connectNetwork, disconnectNetwork, wantedPorts } from './connect-networks.ts'
import { writeEtcFiles } from '../create/etc-files.ts'
import { handleOf, lockContainer } from '../handle.ts'
import { getNetwork, networkName } from './network-record.ts'
import type { EndpointRequest } from './networks.ts'
import type { ContainerParts } from '../parts.ts'
import { getContainer, updateContainer, type ContainerRow } from '../record.ts'
import { settleLocked } from '../life/settle.ts'

/** `network connect`. ENDPOINT_EXISTS, NETWORK_NOT_JOINABLE, those of connecting. */
export async function connectContainer(
  parts: ContainerParts,
  nameOrId: string,
  container: string,
  request: EndpointRequest,
): Promise<void> {
  const network = networkName(parts.store, nameOrId)
  checkEndpoint(parts.store, network, request)
  await using changing = await openForChange(parts, network, container)
  const { row } = changing
  if (Object.hasOwn(row.data.networks, network))
    throw failure('ENDPOINT_EXISTS', { container: row.name, network })
  const networks = { ...row.data.networks, [network]: request }
  const wanted = { ...row, data: { ...row.data, networks } }
  if (row.data.phase !== 'started') {
    updateContainer(parts.store, row.id, (data) => ({ ...data, networks }))
    return
  }
  const namespace = row.data.namespace ?? (await ownNamespace(parts, row.id))
  const endpointsNow = row.data.endpoints ?? {}
  const isPublished = Object.values(endpointsNow).some(({ ports }) => ports.length > 0)
  const ports = isPublished ? [] : wantedPorts(row.data)
  const present = { endpoints: endpointsNow, ports, namespace }
  const { endpoint } = await connectNetwork(parts, wanted, network, present)
  const endpoints = { ...endpointsNow, [network]: endpoint }
  updateContainer(parts.store, row.id, (data) => ({ ...data, networks, endpoints }))
  recordNetwork(parts, row.id, network, 'connect')
  writeNamesOf(parts, wanted, endpoints)
}

/** Of a container that was started without a network. */
async function ownNamespace(parts: ContainerParts, id: string): Promise<string | undefined> {
  const state = await parts.runtime.state(handleOf(parts, id))
  return state.status === 'running' || state.status === 'paused' ? `/proc/${state.pid}/ns/net` : undefined
}

/** `network disconnect`. NOT_CONNECTED, NETWORK_NOT_JOINABLE. */
export async function disconnectContainer(
  parts: ContainerParts,
  nameOrId: string,
  container: string,
): Promise<void> {
  const network = networkName(parts.store, nameOrId)
  await using changing = await openForChange(parts, network, container)
  const { row } = changing
  if (!Object.hasOwn(row.data.networks, network))
    throw failure('NOT_CONNECTED', { container: row.name, network })
  const { [network]: _network, ...networks } = row.data.networks
  const { [network]: endpoint, ...endpoints } = row.data.endpoints ?? {}
  if (endpoint !== undefined) await disconnectNetwork(parts, row.id, network, endpoints)
  updateContainer(parts.store, row.id, (data) => ({ ...data, networks, endpoints }))
  recordNetwork(parts, row.id, network, 'disconnect')
  if (endpoint !== undefined) writeNamesOf(parts, { ...row, data: { ...row.data, networks } }, endpoints)
}

/** The container, its lock held, where its networks may change at all. */
async function openForChange(
  parts: ContainerParts,
  network: string,
  container: string,
): Promise<AsyncDisposable & { readonly row: ContainerRow }> {
  const { id } = getContainer(parts.store, container)
  const lock = await lockContainer(parts.store, id)
  try {
    const row = await settleLocked(parts, id)
    const shared =
      row.data.joined !== undefined || ['host', 'none'].some((name) => Object.hasOwn(row.data.networks, name))
    if (shared || network === 'host' || network === 'none') {
      const reason = shared
        ? 'it has the network mode with which it was made'
        : `the ${network} network is chosen when a container is made`
      throw failure('NETWORK_NOT_JOINABLE', { container: row.name, network, reason })
    }
    return { row, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() }
  } catch (error) {
    await lock[Symbol.asyncDispose]()
    throw error
  }
}

/** hosts and resolv.conf are mounted as they are: written again in place, the process sees them at once. */
function writeNamesOf(
  parts: ContainerParts,
  { id, data }: ContainerRow,
  endpoints: Readonly<Record<string, Endpoint>>,
): void {
  const named = Object.keys(endpoints).find((network) => network !== 'bridge')
  const gateway = named === undefined ? undefined : getNetwork(parts.store, named).data.gateway
  writeEtcFiles(handleOf(parts, id).folder, {
    hostname: data.hostname,
    endpoints,
    nameServer: gateway,
    request: data.request,
  })
}
