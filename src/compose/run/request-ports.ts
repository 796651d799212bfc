import type { PortRequest } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'
import type { Service } from '../model/service.ts'

/** Ports to publish; of a range the first that nobody has, and `taken` has it then. COMPOSE_FAILED. */
export function portRequests({ ports = [] }: Service, taken: ReadonlySet<number>): PortRequest[] {
  const used = new Set(taken)
  return ports.map(({ host_ip = '', target, published, protocol }) => {
    if (protocol !== 'tcp' && protocol !== 'udp')
      throw failure('COMPOSE_UNSUPPORTED', {
        what: `protocol ${protocol} of port ${target}`,
        reason: 'there are tcp and udp',
      })
    const hostPort = published === undefined ? 0 : choosePort(published, used)
    used.add(hostPort)
    return { hostIp: host_ip, hostPort, containerPort: target, protocol }
  })
}

function choosePort(published: string, used: ReadonlySet<number>): number {
  const [first = 0, last = first] = published.split('-').map(Number)
  if (first === last) return first
  for (let port = first; port <= last; port += 1) if (!used.has(port)) return port
  throw failure('COMPOSE_FAILED', { reason: `all ports of ${published} are in use` })
}
