import { removeNetworkNamespace } from '../../linux/network-namespace.ts'
import type {
  BridgeNetwork,
  Endpoint,
  PortBinding,
  ProcessNetwork,
  UserBridge,
} from '../../runtime/runtime.ts'
import { failure } from '../../util/errors.ts'
import { exposedPorts, type ExposedPort } from '../create/exposed-ports.ts'
import { handleOf } from '../handle.ts'
import { bridgeSettings } from './bridge-settings.ts'
import { getNetwork, type NetworkData, type NetworkRow } from './network-record.ts'
import type { EndpointRequest } from './networks.ts'
import type { ContainerParts } from '../parts.ts'
import { getContainer, type ContainerData, type ContainerRow } from '../record.ts'

export interface Connected {
  readonly network: ProcessNetwork
  /** By the networks' names. */
  readonly endpoints: Readonly<Record<string, Endpoint>>
  /** Answers for the names of the other members. */
  readonly nameServer?: string
}

/** The bridge of a user's network, made when it is not there. */
export async function openNetwork(
  { store, userBridge }: ContainerParts,
  { id, data }: Pick<NetworkRow, 'id' | 'data'>,
): Promise<UserBridge> {
  const { subnet, gateway, range, ipv6, internal, options } = data
  const others = store.records<NetworkData>('network').list()
  return await userBridge({
    id,
    internal,
    ...bridgeSettings(options),
    ...(subnet !== undefined && { subnet }),
    ...(gateway !== undefined && { gateway }),
    ...(range !== undefined && { range }),
    ...(ipv6 !== undefined && { ipv6 }),
    reserved: [data, ipv6].flatMap((pool) => Object.values(pool?.reserved ?? {})),
    avoid: others
      .filter((row) => row.id !== id)
      .flatMap((row) => [row.data.subnet, row.data.ipv6?.subnet].filter((one) => one !== undefined)),
  })
}

export async function networkBridge(parts: ContainerParts, network: string): Promise<BridgeNetwork> {
  return network === 'bridge'
    ? await parts.bridge()
    : await openNetwork(parts, getNetwork(parts.store, network))
}

const hasInterface = (network: string): boolean => network !== 'host' && network !== 'none'

/** Ports are published on the first network that leads out, and so does the default route. */
export async function connectNetworks(parts: ContainerParts, row: ContainerRow): Promise<Connected> {
  const { data } = row
  if (data.joined !== undefined) return await joinContainer(parts, data.joined)
  const names = Object.keys(data.networks)
  if (!names.every(hasInterface))
    return { network: { kind: names[0] === 'host' ? 'host' : 'none' }, endpoints: {} }
  const endpoints: Record<string, Endpoint> = {}
  let nameServer: string | undefined
  for (const name of names) {
    const leadsOut = Object.values(endpoints).some(({ gateway }) => gateway !== '')
    const ports = leadsOut ? [] : wantedPorts(data)
    const { endpoint, ...rest } = await connectNetwork(parts, row, name, { endpoints, ports })
    endpoints[name] = endpoint
    nameServer ??= rest.nameServer
  }
  const [first] = Object.values(endpoints)
  return {
    network: first === undefined ? { kind: 'none' } : { kind: 'namespace', path: first.namespace },
    endpoints,
    ...(nameServer !== undefined && { nameServer }),
  }
}

/** Plugs one more network in. `endpoints`: those that are. */
export async function connectNetwork(
  parts: ContainerParts,
  { id, name, data }: ContainerRow,
  network: string,
  present: {
    readonly endpoints: Readonly<Record<string, Endpoint>>
    readonly ports: readonly PortBinding[]
    readonly namespace?: string | undefined
  },
): Promise<{ readonly endpoint: Endpoint; readonly nameServer?: string }> {
  const bridge = await networkBridge(parts, network)
  const { ip, ip6, mac }: EndpointRequest = data.networks[network] ?? {}
  const others = Object.values(present.endpoints)
  const namespace = present.namespace ?? others[0]?.namespace
  const endpoint = await bridge.connect(id, {
    ports: present.ports,
    interface: freeInterface(others),
    route: others.every(({ gateway }) => gateway === ''),
    names: memberNames({ id, name, data }, network),
    ...(namespace !== undefined && { namespace }),
    ...(ip !== undefined && { ip }),
    ...(ip6 !== undefined && { ip6 }),
    ...(mac !== undefined && { mac }),
  })
  return { endpoint, ...(network !== 'bridge' && { nameServer: bridge.subnet.gateway }) }
}

/** By which a network's members find the container; the name server looks for them as they are asked for: in lower case. */
function memberNames({ id, name, data }: Omit<ContainerRow, 'sequence'>, network: string): string[] {
  const { aliases = [] }: EndpointRequest = data.networks[network] ?? {}
  return [...new Set([name, id.slice(0, 12), ...aliases].map((one) => one.toLowerCase()))]
}

/** Tells the networks that it is connected to the name that it has now. */
export async function renameInNetworks(parts: ContainerParts, row: ContainerRow): Promise<void> {
  for (const network of Object.keys(row.data.endpoints ?? {}).filter((one) => one !== 'bridge')) {
    const bridge = await openNetwork(parts, getNetwork(parts.store, network))
    await bridge.rename(row.id, memberNames(row, network))
  }
}

function freeInterface(endpoints: readonly Endpoint[]): string {
  const taken = new Set(endpoints.map((endpoint) => endpoint.interface))
  for (let number = 0; ; number++) if (!taken.has(`eth${number}`)) return `eth${number}`
}

/** `--network container:NAME`: whoever shares a network must find it running. */
async function joinContainer(parts: ContainerParts, id: string): Promise<Connected> {
  const other = getContainer(parts.store, id)
  const state = await parts.runtime.state(handleOf(parts, other.id))
  if (state.status !== 'running' && state.status !== 'paused')
    throw failure('NETWORK_OF_STOPPED', { id: other.id.slice(0, 12) })
  return { network: { kind: 'namespace', path: `/proc/${state.pid}/ns/net` }, endpoints: {} }
}

/** Everything of `connectNetworks`, also of one that was cut short. The first endpoint's namespace takes all interfaces along. */
export async function disconnectNetworks(parts: ContainerParts, { id, data }: ContainerRow): Promise<void> {
  const names = new Set([
    ...Object.keys(data.endpoints ?? {}),
    ...(data.phase === 'preparing' && data.joined === undefined ? Object.keys(data.networks) : []),
  ])
  for (const name of names) {
    const isGone = name !== 'bridge' && parts.store.records<NetworkData>('network').find(name) === undefined
    if (hasInterface(name) && !isGone) await (await networkBridge(parts, name)).disconnect(id)
  }
  if (data.namespace !== undefined) removeNetworkNamespace(data.namespace)
}

/** Takes one network away from a container that runs on; of those that are left one leads out. */
export async function disconnectNetwork(
  parts: ContainerParts,
  id: string,
  network: string,
  left: Readonly<Record<string, Endpoint>>,
): Promise<void> {
  await (await networkBridge(parts, network)).disconnect(id, { keepNamespace: true })
  const [next] = Object.entries(left).find(([, { gateway }]) => gateway !== '') ?? []
  if (next !== undefined) await (await networkBridge(parts, next)).takeRoute(id)
}

/** `-p`, and with `-P` every exposed port on a free host port. */
export function wantedPorts({ request, config }: ContainerData): PortBinding[] {
  if (!request.publishAll) return [...request.ports]
  const key = ({ containerPort, protocol }: ExposedPort): string => `${containerPort}/${protocol}`
  const named = new Set(request.ports.map(key))
  const others = exposedPorts(config).filter((port) => !named.has(key(port)))
  return [...request.ports, ...others.map((port) => ({ ...port, hostIp: '', hostPort: 0 }))]
}
