import type { EndpointRequest } from '../../containers/networks.ts'
import type { EndpointBody } from '../types/endpoint-fields.ts'
import { given } from './given.ts'

/** How a container is to take part in a network; null is the wire's word for "nothing special". */
export function toEndpointRequest(body: EndpointBody | undefined): EndpointRequest {
  return given({
    aliases: body?.Aliases?.length ? body.Aliases : undefined,
    ip: body?.IPAMConfig?.IPv4Address || undefined,
    mac: body?.MacAddress || undefined,
  })
}
