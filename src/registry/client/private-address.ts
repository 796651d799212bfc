import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const reserved = new BlockList()
const subnets: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
]
for (const [net, bits, family] of subnets) reserved.addSubnet(net, bits, family)

/** A host name of a URL (IPv6 in brackets) without the brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '').toLowerCase()
}

export function isLoopback(hostname: string): boolean {
  return hostname.toLowerCase() === 'localhost' || listed(loopback, bare(hostname))
}

export function isAddressLiteral(hostname: string): boolean {
  return isIP(bare(hostname)) !== 0
}

/** Loopback, link-local, private: no public server has a reason to send anyone there (C-W2, B-PL-9). */
export function isPrivateAddress(hostname: string): boolean {
  return isLoopback(hostname) || listed(reserved, bare(hostname))
}

function listed(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
}
