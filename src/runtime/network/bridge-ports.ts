import { failure } from '../../util/errors.ts'
import { randomBetween } from '../../util/random.ts'
import { parseIp } from './ip-address.ts'
import { formatIp6, parseIp6 } from './ip6-address.ts'
import { addressesCollide, findPortOwner } from './port-owner.ts'
import type { PortBinding } from '../runtime.ts'

const FIRST_FREE_PORT = 32_768
const LAST_FREE_PORT = 60_999

/**
 * Fills in free ports for 0 and ranges, and refuses taken ones, with PORT_IN_USE. A port of every address is two bindings where there
 * is IPv6. `published`: who has which by the records.
 */
export function choosePorts(
  published: readonly (PortBinding & { readonly id: string })[],
  wanted: readonly PortBinding[],
  hasIpv6: boolean,
): PortBinding[] {
  const taken = [...published]
  const ownerOf = (binding: PortBinding): string | undefined =>
    taken.find(
      (other) =>
        other.protocol === binding.protocol &&
        other.hostPort === binding.hostPort &&
        addressesCollide(other.hostIp, binding.hostIp),
    )?.id ?? findPortOwner(binding.protocol, binding.hostIp, binding.hostPort)
  return wanted.flatMap(({ lastHostPort, ...request }) => {
    const addresses = hostAddresses(request.hostIp, hasIpv6)
    const bindingsAt = (hostPort: number): PortBinding[] =>
      addresses.map((hostIp) => ({ ...request, hostIp, hostPort }))
    const isTaken = (hostPort: number): boolean =>
      bindingsAt(hostPort).some((binding) => ownerOf(binding) !== undefined)
    let hostPort = request.hostPort
    if (lastHostPort !== undefined) {
      while (hostPort < lastHostPort && isTaken(hostPort)) hostPort += 1
    } else if (hostPort === 0) {
      // anywhere in the range: the first ports of it are also the first that clients of this host are given
      hostPort = randomBetween(FIRST_FREE_PORT, LAST_FREE_PORT)
      while (hostPort <= LAST_FREE_PORT && isTaken(hostPort)) hostPort += 1
    }
    const bindings = bindingsAt(hostPort)
    for (const binding of bindings) {
      const owner = ownerOf(binding)
      if (owner !== undefined)
        throw failure('PORT_IN_USE', { address: binding.hostIp, port: hostPort, owner })
    }
    taken.push(...bindings.map((binding) => ({ ...binding, id: 'this request' })))
    return bindings
  })
}

/** Without IPv6 every address of that kind is every address. */
function hostAddresses(given: string, hasIpv6: boolean): readonly string[] {
  const text = given.replace(/^\[(.*)\]$/, '$1')
  if (text === '') return hasIpv6 ? ['0.0.0.0', '::'] : ['0.0.0.0']
  const ipv6 = parseIp6(text)
  if (ipv6 === 0n && !hasIpv6) return ['0.0.0.0']
  if (ipv6 !== undefined && hasIpv6) return [formatIp6(ipv6)]
  if (parseIp(text) !== undefined) return [text]
  const reason =
    ipv6 === undefined
      ? `invalid host address "${given}" of a port`
      : `the port of host address ${given} needs a network with IPv6`
  throw failure('INVALID_ARGUMENT', { reason })
}
