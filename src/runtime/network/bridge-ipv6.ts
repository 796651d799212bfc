import { readdirSync, writeFileSync } from 'node:fs'
import { failure } from '../../util/errors.ts'
import { randomHex } from '../../util/random.ts'
import { readIfThere } from '../../util/read-text.ts'
import { formatIp6, formatSubnet6, isInSubnet6, isTaken6, parseIp6, parseSubnet6 } from './ip6-address.ts'
import type { Subnet6 } from './ip6-address.ts'
import type { Endpoint } from '../runtime.ts'

/** What a bridge has of IPv6, as `fd00:1::/64` and `fd00:1::1`. */
export interface Ipv6Options {
  /** Default: a unique local network of random bits (RFC 4193). */
  readonly subnet?: string
  /** The bridge's own address; default: the first of the subnet. */
  readonly gateway?: string
  /** Addresses are given out of this part of the subnet; default: all of it. */
  readonly range?: string
}

export interface Ipv6Bridge {
  readonly subnet: Subnet6
  readonly range: Subnet6
  readonly gateway: string
}

/** SUBNET_IN_USE, when the bridge is not there yet; INVALID_ARGUMENT. */
export function chooseIpv6(options: Ipv6Options, exists: boolean, avoid: readonly string[] = []): Ipv6Bridge {
  const text = options.subnet ?? `fd${randomHex(5).replace(/^(..)(....)(....)$/, '$1:$2:$3')}::/64`
  const subnet = parseSubnet6(text)
  if (subnet === undefined) throw failure('INVALID_ARGUMENT', { reason: `invalid subnet "${text}"` })
  const others = avoid.flatMap((other) => parseSubnet6(other) ?? [])
  if (!exists && isTaken6(subnet, others)) throw failure('SUBNET_IN_USE', { subnet: text })
  return {
    subnet,
    range: options.range === undefined ? subnet : (parseSubnet6(options.range) ?? subnet),
    gateway: options.gateway ?? formatIp6(subnet.address + 1n),
  }
}

/**
 * The address wanted, or the one as far into the range as the member's IPv4 address is into its subnet: free whenever that
 * is, unless somebody wanted it. ADDRESS_IN_USE, INVALID_ARGUMENT.
 */
export function chooseAddress6(
  { subnet, range, gateway }: Ipv6Bridge,
  owners: ReadonlyMap<string, string>,
  offset: number,
  wanted: string | undefined,
): NonNullable<Endpoint['ipv6']> {
  const { prefixLength } = subnet
  if (wanted !== undefined) {
    const address = parseIp6(wanted)
    const ip = address === undefined ? wanted : formatIp6(address)
    if (
      address === undefined ||
      !isInSubnet6(address, subnet) ||
      address === subnet.address ||
      ip === gateway
    ) {
      const reason = `address ${wanted} is not usable in ${formatSubnet6(subnet)}`
      throw failure('INVALID_ARGUMENT', { reason })
    }
    const owner = owners.get(ip)
    if (owner !== undefined) throw failure('ADDRESS_IN_USE', { ip, owner })
    return { ip, prefixLength, gateway }
  }
  const isFree = (address: bigint): boolean =>
    isInSubnet6(address, range) && formatIp6(address) !== gateway && !owners.has(formatIp6(address))
  const usual = range.address + BigInt(offset)
  if (isFree(usual)) return { ip: formatIp6(usual), prefixLength, gateway }
  let address = range.address === subnet.address ? range.address + 1n : range.address
  while (isInSubnet6(address, range) && !isFree(address)) address += 1n
  if (!isInSubnet6(address, range)) throw failure('NO_FREE_ADDRESS', { subnet: formatSubnet6(range) })
  return { ip: formatIp6(address), prefixLength, gateway }
}

const settings = '/proc/sys/net/ipv6/conf'

/** A machine that forwards takes no more routes from its router, unless it is told to. IPV6_MISSING where the kernel has none. */
export function forwardIpv6(): void {
  const all = readIfThere(`${settings}/all/forwarding`).trim()
  if (all === '') throw failure('IPV6_MISSING', {})
  if (all !== '0') return
  for (const name of readdirSync(settings)) {
    const path = `${settings}/${name}/accept_ra`
    if (readIfThere(path).trim() === '1') writeFileSync(path, '2')
  }
  writeFileSync(`${settings}/all/forwarding`, '1')
}
