import { isInSubnet, parseIp, parseSubnet, withoutHostBits } from '../../runtime/network/ip-address.ts'
import { isInSubnet6, parseIp6, parseSubnet6, withoutHostBits6 } from '../../runtime/network/ip6-address.ts'
import { failure } from '../../util/errors.ts'

/** A subnet of a network and how its addresses are given out, `10.1.0.0/16` or `fd00:1::/64`. */
export interface AddressPool {
  /** Absent: one that is free on this machine. */
  readonly subnet?: string
  /** The network's own address; default: the first of the subnet. */
  readonly gateway?: string
  /** Addresses are given out of this part of the subnet only. */
  readonly range?: string
  /** Addresses by their users' names that no member is given. */
  readonly reserved?: Readonly<Record<string, string>>
}

export interface NetworkPools extends AddressPool {
  /** Absent: no IPv6. */
  readonly ipv6?: AddressPool
}

/** Docker's list of subnets as what a network of mille has: one of each kind. INVALID_ARGUMENT in Docker's words. */
export function networkPools(pools: readonly AddressPool[], isIpv6: boolean): NetworkPools {
  const of = (wanted: boolean): AddressPool | undefined => {
    const [first, second] = pools.filter(({ subnet = '' }) => subnet.includes(':') === wanted)
    if (second !== undefined) throw invalid("bridge driver doesn't support multiple subnets")
    return first
  }
  const [ipv4, ipv6] = [of(false), of(true)]
  if (ipv6 !== undefined && !isIpv6)
    throw invalid(`subnet ${ipv6.subnet} is one of IPv6, which the network does not have: --ipv6 gives it`)
  return { ...ipv4, ...(isIpv6 && { ipv6: ipv6 ?? {} }) }
}

/** INVALID_ARGUMENT in Docker's words, SUBNET_INVALID. */
export function checkPools({ ipv6 = {}, ...ipv4 }: NetworkPools): void {
  checkPool(ipv4)
  checkPool(ipv6)
}

function checkPool({ subnet, gateway, range, reserved = {} }: AddressPool): void {
  if (subnet === undefined) {
    if (gateway === undefined && range === undefined && Object.keys(reserved).length === 0) return
    throw invalid('every ip-range or gateway must have a corresponding subnet')
  }
  checkSubnet('subnet', subnet)
  if (range !== undefined) {
    if (!isWithin(subnet, range.split('/')[0] ?? '')) throw invalid(`no matching subnet for range ${range}`)
    checkSubnet('ip-range', range)
  }
  if (gateway !== undefined && !isWithin(subnet, gateway))
    throw invalid(`no matching subnet for gateway ${gateway}`)
  for (const [name, address] of Object.entries(reserved)) {
    if (!isWithin(subnet, address)) throw invalid(`no matching subnet for aux-address ${address}`)
    if (address === gateway)
      throw invalid(`failed to allocate secondary ip address (${name}:${address}): Address already in use`)
  }
}

function checkSubnet(what: 'subnet' | 'ip-range', text: string): void {
  if ((parseSubnet(text) ?? parseSubnet6(text)) !== undefined) return
  const right = withoutHostBits(text) ?? withoutHostBits6(text)
  const wrong = `invalid network config: invalid ${what} ${text}`
  if (right === undefined) throw invalid(`${wrong}: invalid CIDR block notation`)
  // an IPv6 address is written in one form: another one is no mistake of bits
  if (right !== text && (parseSubnet(right) ?? parseSubnet6(right)) !== undefined)
    throw invalid(`${wrong}: it should be ${right}`)
  throw failure('SUBNET_INVALID', { subnet: text })
}

/** Is the address in the subnet, both of one kind? */
export function isWithin(subnet: string, address: string): boolean {
  const [net, net6] = [parseSubnet(subnet), parseSubnet6(subnet)]
  const [ip, ip6] = [parseIp(address), parseIp6(address)]
  if (net !== undefined && ip !== undefined) return isInSubnet(ip, net)
  return net6 !== undefined && ip6 !== undefined && isInSubnet6(ip6, net6)
}

/**
 * What `--subnet`, `--gateway`, `--ip-range` and `--aux-address` say, each one's value with the subnet that it lies in.
 * INVALID_ARGUMENT.
 */
export function matchPools(given: {
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
  readonly ranges: readonly string[]
  readonly reserved: Readonly<Record<string, string>>
}): AddressPool[] {
  const { subnets, gateways, ranges, reserved } = given
  if (subnets.length === 0 && gateways.length + ranges.length > 0)
    throw invalid('every ip-range or gateway must have a corresponding subnet')
  subnets.forEach((subnet) => checkSubnet('subnet', subnet))
  const overlaps = (a: string, b: string): boolean => isWithin(a, b.split('/')[0] ?? '')
  if (subnets.some((one, index) => subnets.some((other, at) => at !== index && overlaps(one, other))))
    throw invalid('multiple overlapping subnet configuration is not supported')
  const check = (what: string, address: string, shown: string): void => {
    if (!subnets.some((subnet) => isWithin(subnet, address)))
      throw invalid(`no matching subnet for ${what} ${shown}`)
  }
  for (const range of ranges) check('range', range.split('/')[0] ?? '', range)
  for (const gateway of gateways) check('gateway', gateway, gateway)
  for (const address of Object.values(reserved)) check('aux-address', address, address)
  return subnets.map((subnet) => {
    const gateway = gateways.find((one) => isWithin(subnet, one))
    const range = ranges.find((one) => isWithin(subnet, one.split('/')[0] ?? ''))
    const others = Object.entries(reserved).filter(([, address]) => isWithin(subnet, address))
    return {
      subnet,
      ...(gateway !== undefined && { gateway }),
      ...(range !== undefined && { range }),
      ...(others.length > 0 && { reserved: Object.fromEntries(others) }),
    }
  })
}

function invalid(reason: string): Error {
  return failure('INVALID_ARGUMENT', { reason })
}
