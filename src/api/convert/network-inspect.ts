import type { AddressPool } from '../../containers/network/address-pools.ts'
import type { NetworkDetails, NetworkMember } from '../../containers/network/networks.ts'
import type { NetworkInspect, NetworkMemberWire, NetworkPoolWire } from '../types/network-inspect.ts'
import { endpointId } from './endpoint-id.ts'
import { wireTime } from './wire-time.ts'

/** A network in Docker's wire shape. */
export function toNetworkInspect(network: NetworkDetails): NetworkInspect {
  const pools = [network, network.ipv6].filter((pool) => pool?.subnet !== undefined)
  return {
    Name: network.name,
    Id: network.id,
    Created: wireTime(network.createdAt),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.ipv6 !== undefined,
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: network.driver === 'bridge' ? pools.map(toPool) : null,
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(
      network.members.map((member) => [member.containerId, toMember(network.id, member)]),
    ),
    Options: network.options,
    Labels: network.labels,
  }
}

function toPool({ subnet = '', gateway, range, reserved }: AddressPool = {}): NetworkPoolWire {
  return {
    Subnet: subnet,
    ...(range !== undefined && { IPRange: range }),
    ...(gateway !== undefined && { Gateway: gateway }),
    ...(reserved !== undefined && { AuxiliaryAddresses: reserved }),
  }
}

function toMember(
  network: string,
  { containerId, name, ip, prefixLength, ipv6, mac }: NetworkMember,
): NetworkMemberWire {
  return {
    Name: name,
    EndpointID: endpointId(containerId, network),
    MacAddress: mac,
    IPv4Address: `${ip}/${prefixLength}`,
    IPv6Address: ipv6 === undefined ? '' : `${ipv6.ip}/${ipv6.prefixLength}`,
  }
}
