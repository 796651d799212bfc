import { readFileSync } from 'node:fs'

/** An IPv4 network: `address` is its first one, as a number. */
export interface Subnet {
  readonly address: number
  readonly prefixLength: number
}

export function parseIp(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255))
    return undefined
  return parts.reduce((number, part) => number * 256 + Number(part), 0)
}

export function formatIp(ip: number): string {
  return [24, 16, 8, 0].map((shift) => (ip >>> shift) & 0xff).join('.')
}

export function subnetSize({ prefixLength }: Subnet): number {
  return 2 ** (32 - prefixLength)
}

export function isInSubnet(ip: number, subnet: Subnet): boolean {
  return ip >= subnet.address && ip < subnet.address + subnetSize(subnet)
}

/** `172.30.0.0/16`; undefined when it is none or has host bits. */
export function parseSubnet(text: string): Subnet | undefined {
  const [ipText = '', lengthText = ''] = text.split('/')
  const address = parseIp(ipText)
  const prefixLength = Number(lengthText)
  if (address === undefined || !/^\d{1,2}$/.test(lengthText) || prefixLength < 8 || prefixLength > 29)
    return undefined
  const subnet = { address, prefixLength }
  return address % subnetSize(subnet) === 0 ? subnet : undefined
}

/** The network that an address with a prefix length lies in. */
export function withoutHostBits(text: string): string | undefined {
  const [ipText = '', lengthText = ''] = text.split('/')
  const [address, prefixLength] = [parseIp(ipText), Number(lengthText)]
  if (address === undefined || !/^\d{1,2}$/.test(lengthText) || prefixLength > 32) return undefined
  const subnet = { address, prefixLength }
  return formatSubnet({ ...subnet, address: address - (address % subnetSize(subnet)) })
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIp(subnet.address)}/${subnet.prefixLength}`
}

function overlaps(a: Subnet, b: Subnet): boolean {
  return isInSubnet(a.address, b) || isInSubnet(b.address, a)
}

interface Route {
  readonly device: string
  readonly subnet: Subnet
}

/** The host's IPv4 routes (/proc/net/route: addresses as little-endian hex). */
function readRoutes(): Route[] {
  const swap = (hex: string): number => Buffer.from(hex, 'hex').readUInt32LE(0)
  return readFileSync('/proc/net/route', 'latin1')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.split('\t')
      if (fields.length < 8) return []
      const mask = swap(fields[7] ?? '')
      const prefixLength = mask === 0 ? 0 : 32 - Math.log2(2 ** 32 - mask)
      return [{ device: fields[0] ?? '', subnet: { address: swap(fields[1] ?? ''), prefixLength } }]
    })
}

/** Device of the default route, undefined when the host has none. */
export function defaultDevice(): string | undefined {
  return readRoutes().find(({ subnet }) => subnet.prefixLength === 0)?.device
}

/** The first candidate that no route of the host and none of `avoid` touches. */
export function findFreeSubnet(
  candidates: readonly Subnet[],
  avoid: readonly Subnet[] = [],
): Subnet | undefined {
  const routes = readRoutes().filter(({ subnet }) => subnet.prefixLength > 0)
  const used = [...avoid, ...routes.map(({ subnet }) => subnet)]
  return candidates.find((candidate) => !used.some((subnet) => overlaps(subnet, candidate)))
}
