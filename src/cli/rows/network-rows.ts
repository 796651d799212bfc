import type { NetworkDetails } from '../../containers/network/networks.ts'
import type { RowFields } from '../format/print-rows.ts'

export const networkHeaders = {
  ID: 'NETWORK ID',
  Name: 'NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  IPv6: 'IPV6',
  Internal: 'INTERNAL',
  Labels: 'LABELS',
  Label: 'LABEL',
  CreatedAt: 'CREATED AT',
}

export function networkRow(network: NetworkDetails, isWhole: boolean): RowFields {
  return {
    ID: isWhole ? network.id : network.id.slice(0, 12),
    Name: network.name,
    Driver: network.driver,
    Scope: 'local',
    IPv4: 'true',
    IPv6: String(network.ipv6 !== undefined),
    Internal: String(network.internal),
    Labels: Object.entries(network.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (key: unknown) => network.labels[String(key)] ?? '',
    CreatedAt: new Date(network.createdAt).toISOString(),
  }
}
