import type { NetworkDetails, NetworkMember } from '../../containers/network/networks.ts'
import type { NetworkInspect, NetworkMemberWire } from '../types/network-inspect.ts'
import { wireTime } from './wire-time.ts'

/** A network in Docker's wire shape. */
export function toNetworkInspect(network: NetworkDetails): NetworkInspect {
  const { subnet, gateway, range } = network
  const config = {
    ...(subnet !== undefined && { Subnet: subnet }),
    ...(range !== undefined && { IPRange: range }),
    ...(gateway !== undefined && { Gateway: gateway }),
  }
  return {
    Name: network.name,
    Id: network.id,
    Created: wireTime(network.createdAt),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: subnet === undefined ? [] : [config] },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(network.members.map((member) => [member.containerId, toMember(member)])),
    Options: network.options,
    Labels: network.labels,
  }
}

function toMember({ name, ip, prefixLength, mac }: NetworkMember): NetworkMemberWire {
  return {
    Name: name,
    EndpointID: '',
    MacAddress: mac,
    IPv4Address: `${ip}/${prefixLength}`,
    IPv6Address: '',
  }
}
