import type { Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerRequest } from '../containers.ts'
import { isWithin } from './address-pools.ts'
import { findPredefined, getNetwork, networkName } from './network-record.ts'
import type { EndpointRequest } from './networks.ts'
import { getContainer, type ContainerData } from '../record.ts'

type Chosen = Pick<ContainerData, 'networks' | 'joined'> & { readonly hostname?: string }

/** The networks of a new container by their names, or whose network it shares. NO_SUCH_NETWORK, NO_SUCH_CONTAINER, NETWORK_OPTIONS_CONFLICT. */
export function chooseNetworks(store: Store, request: ContainerRequest): Chosen {
  const { network, endpoints = {} } = request
  const [, other] = /^container:(.*)$/.exec(network) ?? []
  if (other !== undefined) return shareNetwork(store, request, other)
  const main = networkName(store, network)
  const named = Object.entries(endpoints).map(([name, one]) => [networkName(store, name), one] as const)
  const networks = { [main]: {}, ...Object.fromEntries(named) }
  const names = Object.keys(networks)
  const alone = names.find((name) => name === 'host' || name === 'none')
  if (alone !== undefined && names.length > 1) {
    const reason = 'cannot attach both user-defined and non-user-defined network-modes'
    throw failure('NETWORK_OPTIONS_CONFLICT', { reason })
  }
  for (const [name, one] of Object.entries(networks)) checkEndpoint(store, name, one)
  return { networks }
}

/** In Docker's words what a network of that kind cannot do, and what would be no name or address: ENDPOINT_INVALID. */
export function checkEndpoint(store: Store, name: string, { ip, ip6, mac, aliases }: EndpointRequest): void {
  const refuse = (reason: string): never => {
    throw failure('ENDPOINT_INVALID', { network: name, reason })
  }
  if (mac !== undefined && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) refuse(`invalid MAC address: ${mac}`)
  const badAlias = aliases?.find((alias) => !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(alias))
  // it becomes a line of the name server's list
  if (badAlias !== undefined) refuse(`invalid network alias ${JSON.stringify(badAlias)}`)
  if (findPredefined(name) !== undefined) {
    if (aliases !== undefined && aliases.length > 0)
      refuse('network-scoped aliases are only supported for user-defined networks')
    if (ip !== undefined || ip6 !== undefined)
      refuse('user specified IP address is supported on user defined networks only')
    return
  }
  const { subnet, ipv6 } = getNetwork(store, name).data
  for (const [address, net] of [
    [ip, subnet],
    [ip6, ipv6?.subnet],
  ]) {
    if (address !== undefined && (net === undefined || !isWithin(net, address)))
      refuse(`no configured subnet or ip-range contain the IP address ${address}`)
  }
}

function shareNetwork(store: Store, request: ContainerRequest, other: string): Chosen {
  const conflict = (what: string): Error =>
    failure('NETWORK_OPTIONS_CONFLICT', { reason: `${what} and the container type network mode` })
  if (request.ports.length > 0 || request.publishAll) throw conflict('port publishing')
  if (request.hostname !== undefined) throw conflict('hostname')
  if (request.dns.length > 0) throw conflict('dns')
  if (request.extraHosts.length > 0) throw conflict('custom host-to-IP mapping')
  if (Object.values(request.endpoints ?? {}).some(({ mac }) => mac !== undefined)) {
    throw failure('NETWORK_OPTIONS_CONFLICT', { reason: 'mac-address and the network mode' })
  }
  const { id, data } = getContainer(store, other)
  // whoever shares with a sharer shares with the first
  return { networks: {}, joined: data.joined ?? id, hostname: data.hostname }
}
