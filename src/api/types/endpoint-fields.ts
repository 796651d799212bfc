import type { Body } from '../http/wire-fields.ts'

/** EndpointSettings, as clients send them; what an engine fills in itself is taken and left alone. */
export const endpointFields = {
  IPAMConfig: { IPv4Address: 'text', IPv6Address: 'text', LinkLocalIPs: ['text'] },
  Links: ['text'],
  Aliases: ['text'],
  MacAddress: 'text',
  DriverOpts: ['map', 'text'],
  GwPriority: 'int',
  NetworkID: 'text',
  EndpointID: 'text',
  Gateway: 'text',
  IPAddress: 'text',
  IPPrefixLen: 'int',
  IPv6Gateway: 'text',
  GlobalIPv6Address: 'text',
  GlobalIPv6PrefixLen: 'int',
  DNSNames: ['text'],
} as const

export type EndpointBody = Body<typeof endpointFields>
