import type { EndpointRequest } from '../../containers/network/networks.ts'
import type { EndpointBody } from '../types/endpoint-fields.ts'
import { given } from './given.ts'
import { refuseGiven } from './unsupported-fields.ts'

/**
 * How a container is to take part in a network; null is the wire's word for "nothing special". NOT_IMPLEMENTED names the
 * field, `where` before it.
 */
export function toEndpointRequest(body: EndpointBody | undefined, where: string): EndpointRequest {
  refuseGiven(body, ['Links', 'DriverOpts', 'GwPriority'], where)
  refuseGiven(body?.IPAMConfig, ['LinkLocalIPs'], `${where}IPAMConfig.`)
  return given({
    aliases: body?.Aliases?.length ? body.Aliases : undefined,
    ip: body?.IPAMConfig?.IPv4Address || undefined,
    ip6: body?.IPAMConfig?.IPv6Address || undefined,
    mac: body?.MacAddress || undefined,
  })
}
