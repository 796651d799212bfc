import { failure } from '../../util/errors.ts'
import { randomBetween } from '../../util/random.ts'
import { parseIp } from './ip-address.ts'
import { addressesCollide, findPortOwner } from './port-owner.ts'
import type { PortBinding } from '../runtime.ts'

const FIRST_FREE_PORT = 32_768
const LAST_FREE_PORT = 60_999

/** Fills in free ports for 0 and refuses taken ones, with PORT_IN_USE. `published`: who has which by the records. */
export function choosePorts(
  published: readonly (PortBinding & { readonly id: string })[],
  wanted: readonly PortBinding[],
): PortBinding[] {
  const taken = [...published]
  const ownerOf = (binding: PortBinding): string | undefined =>
    taken.find(
      (other) =>
        other.protocol === binding.protocol &&
        other.hostPort === binding.hostPort &&
        addressesCollide(other.hostIp, binding.hostIp),
    )?.id ?? findPortOwner(binding.protocol, binding.hostIp, binding.hostPort)
  return wanted.map((request) => {
    const hostIp = ['', '::', '[::]'].includes(request.hostIp) ? '0.0.0.0' : request.hostIp
    if (parseIp(hostIp) === undefined)
      throw failure('INVALID_ARGUMENT', { reason: `invalid host address "${hostIp}" of a port` })
    let binding: PortBinding = { ...request, hostIp }
    if (request.hostPort === 0) {
      // anywhere in the range: the first ports of it are also the first that clients of this host are given
      let hostPort = randomBetween(FIRST_FREE_PORT, LAST_FREE_PORT)
      while (hostPort <= LAST_FREE_PORT && ownerOf({ ...binding, hostPort }) !== undefined) hostPort += 1
      binding = { ...binding, hostPort }
    }
    const owner = ownerOf(binding)
    if (owner !== undefined) throw failure('PORT_IN_USE', { address: hostIp, port: binding.hostPort, owner })
    taken.push({ ...binding, id: 'this request' })
    return binding
  })
}
