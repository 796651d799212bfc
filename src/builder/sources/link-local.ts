import { BlockList, isIP } from 'node:net'

interface Lists {
  readonly linkLocal: BlockList
  readonly privateNets: BlockList
}

let made: Lists | undefined

/** Made at the first look: most builds fetch nothing. */
function lists(): Lists {
  return (made ??= makeLists())
}

function makeLists(): Lists {
  const linkLocal = new BlockList()
  linkLocal.addSubnet('169.254.0.0', 16, 'ipv4')
  linkLocal.addSubnet('fe80::', 10, 'ipv6')
  // the metadata services of clouds that have no link-local one
  linkLocal.addAddress('fd00:ec2::254', 'ipv6')
  linkLocal.addAddress('100.100.100.200', 'ipv4')
  linkLocal.addSubnet('0.0.0.0', 8, 'ipv4')

  const privateNets = new BlockList()
  privateNets.addSubnet('10.0.0.0', 8, 'ipv4')
  privateNets.addSubnet('172.16.0.0', 12, 'ipv4')
  privateNets.addSubnet('192.168.0.0', 16, 'ipv4')
  privateNets.addSubnet('127.0.0.0', 8, 'ipv4')
  privateNets.addSubnet('100.64.0.0', 10, 'ipv4')
  privateNets.addAddress('::1', 'ipv6')
  privateNets.addSubnet('fc00::', 7, 'ipv6')
  return { linkLocal, privateNets }
}

function isIn(list: BlockList, address: string): boolean {
  // `::ffff:169.254.169.254` is the IPv4 address in other clothes
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  const family = isIP(mapped)
  return family !== 0 && list.check(mapped, family === 6 ? 'ipv6' : 'ipv4')
}

/** Addresses of metadata services and the link itself: no Dockerfile may make the builder ask them (C-B6). */
export function isLinkLocal(address: string): boolean {
  return isIn(lists().linkLocal, address)
}

export function isPrivate(address: string): boolean {
  return isIn(lists().privateNets, address) || isIn(lists().linkLocal, address)
}
