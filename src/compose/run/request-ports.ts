import type { PortRequest } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'
import type { Service } from '../model/service.ts'

/** Ports to publish; of a range one is taken when the container starts. COMPOSE_UNSUPPORTED. */
export function portRequests({ ports = [] }: Service): PortRequest[] {
  return ports.map(({ host_ip = '', target, published = '0', protocol }) => {
    if (protocol !== 'tcp' && protocol !== 'udp')
      throw failure('COMPOSE_UNSUPPORTED', {
        what: `protocol ${protocol} of port ${target}`,
        reason: 'there are tcp and udp',
      })
    const [hostPort = 0, lastHostPort = hostPort] = published.split('-').map(Number)
    return {
      hostIp: host_ip,
      hostPort,
      ...(lastHostPort > hostPort && { lastHostPort }),
      containerPort: target,
      protocol,
    }
  })
}
