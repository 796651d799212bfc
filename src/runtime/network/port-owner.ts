import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { formatIp } from './ip-address.ts'
import { readText } from '../../util/read-text.ts'

const LISTEN = '0A'
const ANY = '0.0.0.0'

interface HostSocket {
  readonly address: string
  readonly inode: string
}

/** Sockets of the host that wait on `port` (/proc/net/tcp, udp). Those of IPv6 count as "every address" of both kinds. */
function socketsOn(protocol: 'tcp' | 'udp', port: number, families: readonly ('' | '6')[]): HostSocket[] {
  return families.flatMap((family) => {
    let text: string
    try {
      text = readFileSync(`/proc/net/${protocol}${family}`, 'latin1')
    } catch {
      return []
    }
    return text
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const fields = line.trim().split(/\s+/)
        const [addressHex = '', portHex = ''] = (fields[1] ?? '').split(':')
        if (Number.parseInt(portHex, 16) !== port || (protocol === 'tcp' && fields[3] !== LISTEN)) return []
        const isLoopback6 = addressHex === '00000000000000000000000001000000'
        if (isLoopback6) return []
        const address = family === '6' ? ANY : formatIp(Buffer.from(addressHex, 'hex').readUInt32LE(0))
        return [{ address, inode: fields[9] ?? '' }]
      })
  })
}

/** Can two not have one port each there? */
export function addressesCollide(a: string, b: string): boolean {
  if (a.includes(':') !== b.includes(':')) return false
  return a === b || [a, b].some((address) => address === ANY || address === '::')
}

/** Who on the host already listens there: `process NAME (PID)` when it can be found out; undefined when nobody does. */
export function findPortOwner(protocol: 'tcp' | 'udp', hostIp: string, port: number): string | undefined {
  const isIpv6 = hostIp.includes(':')
  const sockets = socketsOn(protocol, port, isIpv6 ? ['6'] : ['', '6'])
  const socket = sockets.find(({ address }) => isIpv6 || addressesCollide(address, hostIp))
  return socket === undefined ? undefined : (processOf(socket.inode) ?? 'a process of this host')
}

function processOf(inode: string): string | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== `socket:[${inode}]`) continue
        return `process ${readText(`/proc/${pid}/comm`).trim()} (${pid})`
      }
    } catch {
      // it ended while it was looked at
    }
  }
  return undefined
}
