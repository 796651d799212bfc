import type { PortRequest } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'

interface Range {
  readonly first: number
  readonly last: number
}

/**
 * `-p [IP:][HOSTPORT[-LAST]:]PORT[-LAST][/tcp|udp]` as one request for each container port; of a host range for one
 * container port the first free port is taken. CLI_FAILED names the wrong part.
 */
export function parsePort(spec: string): PortRequest[] {
  const slash = spec.lastIndexOf('/')
  const protocol = slash < 0 ? 'tcp' : spec.slice(slash + 1).toLowerCase()
  if (protocol !== 'tcp' && protocol !== 'udp') throw bad(`Invalid proto: ${protocol}: use tcp or udp`)
  const { ip, host, container } = splitParts(slash < 0 ? spec : spec.slice(0, slash))
  const inside = parseRange(container)
  if (inside === undefined) throw bad(`Invalid containerPort: ${container}: use a number from 1 to 65535`)
  const outside = host === '' ? undefined : parseRange(host)
  if (host !== '' && outside === undefined)
    throw bad(`Invalid hostPort: ${host}: use a number from 1 to 65535`)
  const count = inside.last - inside.first + 1
  if (outside && count === 1 && outside.last > outside.first)
    return [
      {
        hostIp: ip,
        hostPort: outside.first,
        lastHostPort: outside.last,
        containerPort: inside.first,
        protocol,
      },
    ]
  if (outside && outside.last - outside.first + 1 !== count) {
    throw bad(`Invalid ranges specified for container and host Ports: ${container} and ${host}`)
  }
  return Array.from({ length: count }, (_, index) => ({
    hostIp: ip,
    hostPort: outside === undefined ? 0 : outside.first + index,
    containerPort: inside.first + index,
    protocol,
  }))
}

function splitParts(text: string): {
  readonly ip: string
  readonly host: string
  readonly container: string
} {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text)
  const parts = (bracketed?.[2] ?? text).split(':')
  const container = parts.pop() ?? ''
  const host = parts.pop() ?? ''
  const ip = bracketed?.[1] ?? parts.join(':')
  if (ip !== '' && !isAddress(ip)) throw bad(`invalid IP address: ${ip}`)
  if (container === '') throw bad(`No port specified: ${text}<empty>`)
  return { ip, host, container }
}

function isAddress(text: string): boolean {
  const four = text.split('.')
  if (four.length === 4) return four.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
  return text.includes(':') && URL.canParse(`http://[${text}]/`)
}

function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (!match) return undefined
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  if (first > last || last > 65535 || first < 1) return undefined
  return { first, last }
}

function bad(reason: string): Error {
  return failure('CLI_FAILED', { reason })
}
