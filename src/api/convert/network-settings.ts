import type { ContainerDetails, ContainerNetwork } from '../../containers/containers.ts'
import type { EndpointWire, NetworkSettingsWire, PortBindingWire } from '../types/container-inspect.ts'
import { endpointId } from './endpoint-id.ts'
import { given } from './given.ts'
import { nullIfEmpty } from './null-if-empty.ts'

/** What inspect shows of a container's networks. */
export function toNetworkSettings(container: ContainerDetails): NetworkSettingsWire {
  const { id, state } = container
  const ports: Record<string, PortBindingWire[] | null> = {}
  if (state.pid !== 0) for (const exposed of container.exposedPorts) ports[exposed] = null
  for (const { hostIp, hostPort, containerPort, protocol } of container.ports) {
    const list = (ports[`${containerPort}/${protocol}`] ??= [])
    list.push({ HostIp: hostIp === '' ? '0.0.0.0' : hostIp, HostPort: String(hostPort) })
  }
  const Networks = toNetworks(container)
  // the old fields tell of the default bridge only
  const old = Networks['bridge'] ?? noAddress
  return {
    Bridge: '',
    // the namespace goes by its process, and there is one for each container
    SandboxID: state.pid === 0 ? '' : id,
    SandboxKey: state.pid === 0 ? '' : `/proc/${state.pid}/ns/net`,
    Ports: ports,
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: old.EndpointID,
    Gateway: old.Gateway,
    GlobalIPv6Address: old.GlobalIPv6Address,
    GlobalIPv6PrefixLen: old.GlobalIPv6PrefixLen,
    IPAddress: old.IPAddress,
    IPPrefixLen: old.IPPrefixLen,
    IPv6Gateway: old.IPv6Gateway,
    MacAddress: old.MacAddress,
    Networks,
  }
}

/** The networks that a container is connected to, or will be when it runs. */
export function toNetworks(container: ContainerDetails): Readonly<Record<string, EndpointWire>> {
  const networks = Object.entries(container.networks)
  return Object.fromEntries(networks.map(([name, one]) => [name, toEndpoint(container, name, one)]))
}

const noAddress = {
  EndpointID: '',
  Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  IPAddress: '',
  IPPrefixLen: 0,
  IPv6Gateway: '',
  MacAddress: '',
} as const

function toEndpoint(
  { id, name }: ContainerDetails,
  network: string,
  { id: NetworkID, endpoint, aliases = [], ip, ip6 }: ContainerNetwork,
): EndpointWire {
  const isNamed = !['bridge', 'host', 'none'].includes(network)
  return {
    IPAMConfig: ip === undefined && ip6 === undefined ? null : given({ IPv4Address: ip, IPv6Address: ip6 }),
    Links: null,
    Aliases: nullIfEmpty(aliases),
    MacAddress: endpoint?.mac ?? '',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID,
    EndpointID: endpoint === undefined ? '' : endpointId(id, NetworkID),
    Gateway: endpoint?.gateway ?? '',
    IPAddress: endpoint?.ip ?? '',
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: endpoint?.ipv6?.gateway ?? '',
    GlobalIPv6Address: endpoint?.ipv6?.ip ?? '',
    GlobalIPv6PrefixLen: endpoint?.ipv6?.prefixLength ?? 0,
    DNSNames: isNamed ? [...new Set([name, ...aliases, id.slice(0, 12)])] : null,
  }
}
