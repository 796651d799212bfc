import { isIPv6 } from 'node:net'
import { readIfThere } from '../../util/read-text.ts'

/** An IPv6 network: `address` is its first one, as a number. */
export interface Subnet6 {
  readonly address: bigint
  readonly prefixLength: number
}

/** Undefined for all else, also with a zone. */
export function parseIp6(text: string): bigint | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined
  // the last two groups may stand as an IPv4 address
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number)
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })
  const [head = '', tail] = plain.split('::')
  const groups = (part: string): string[] => part.split(':').filter(Boolean)
  const [front, back] = [groups(head), groups(tail ?? '')]
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0')
  return [...front, ...zeros, ...back].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n)
}

/** As RFC 5952 has it: what a URL shows. */
export function formatIp6(address: bigint): string {
  const hex = address.toString(16).padStart(32, '0')
  const host = new URL(`http://[${(hex.match(/.{4}/g) ?? []).join(':')}]`).hostname
  return host.slice(1, -1)
}

function sizeOf({ prefixLength }: Subnet6): bigint {
  return 1n << BigInt(128 - prefixLength)
}

export function isInSubnet6(ip: bigint, subnet: Subnet6): boolean {
  return ip >= subnet.address && ip < subnet.address + sizeOf(subnet)
}

/** `fd00:1::/64`, also with host bits; undefined when it is none. */
function parsePrefix(text: string): Subnet6 | undefined {
  const [ip = '', length = ''] = text.split('/')
  const address = parseIp6(ip)
  if (address === undefined || !/^\d{1,3}$/.test(length) || Number(length) > 128) return undefined
  return { address, prefixLength: Number(length) }
}

/** Undefined when it is none, has host bits, or has no room for a member beside the network's own address. */
export function parseSubnet6(text: string): Subnet6 | undefined {
  const subnet = parsePrefix(text)
  if (subnet === undefined || subnet.prefixLength < 8 || subnet.prefixLength > 126) return undefined
  return subnet.address % sizeOf(subnet) === 0n ? subnet : undefined
}

export function formatSubnet6({ address, prefixLength }: Subnet6): string {
  return `${formatIp6(address)}/${prefixLength}`
}

/** Its first address, when it had none of the bits that name a host. */
export function withoutHostBits6(text: string): string | undefined {
  const given = parsePrefix(text)
  return given && formatSubnet6({ ...given, address: given.address - (given.address % sizeOf(given)) })
}

function overlaps(a: Subnet6, b: Subnet6): boolean {
  return isInSubnet6(a.address, b) || isInSubnet6(b.address, a)
}

/** Does a route of the host (/proc/net/ipv6_route) or one of `avoid` touch it? The default route touches everything. */
export function isTaken6(subnet: Subnet6, avoid: readonly Subnet6[] = []): boolean {
  const routes = readIfThere('/proc/net/ipv6_route')
    .split('\n')
    .flatMap((line): Subnet6[] => {
      const [address = '', length = ''] = line.split(' ')
      const prefixLength = Number.parseInt(length, 16)
      return address.length === 32 && prefixLength > 0
        ? [{ address: BigInt(`0x${address}`), prefixLength }]
        : []
    })
  return [...routes, ...avoid].some((other) => overlaps(other, subnet))
}
