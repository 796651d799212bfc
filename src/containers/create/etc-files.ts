import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Endpoint, ProcessMount } from '../../runtime/runtime.ts'
import { writeFileWithMode } from '../../util/exact-mode.ts'
import { failure } from '../../util/errors.ts'
import { readIfThere } from '../../util/read-text.ts'
import type { ContainerDetails, ContainerRequest } from '../containers.ts'

export interface EtcOptions {
  readonly hostname: string
  /** Where it is connected, by network. */
  readonly endpoints: Readonly<Record<string, Pick<Endpoint, 'ip' | 'gateway' | 'ipv6'>>>
  /** Answers for names of a user's network, and for all others. */
  readonly nameServer: string | undefined
  readonly request: Pick<
    ContainerRequest,
    'network' | 'extraHosts' | 'dns' | 'domainname' | 'dnsSearch' | 'dnsOptions'
  >
}

/**
 * Writes hosts, hostname and resolv.conf into the container's folder and returns their mounts. Over the image's own
 * files the runtime mounts by handle inside the root: an image's `/etc/hosts -> /outside` is never followed (C-R4).
 */
export function writeEtcFiles(folder: string, options: EtcOptions): ProcessMount[] {
  const files: readonly (readonly [string, string])[] = [
    ['hosts', hostsFile(options)],
    ['hostname', `${options.hostname}\n`],
    ['resolv.conf', resolvFile(options)],
  ]
  // at once: each way through Node's threads takes longer than these files
  for (const [name, text] of files) writeFileWithMode(join(folder, name), text, 0o644)
  return etcMounts(folder)
}

/** The files that are in `folder`: also those of another container, with which this one shares the network. */
export function etcMounts(folder: string): ProcessMount[] {
  return ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
    type: 'bind',
    source: join(folder, name),
    target: `/etc/${name}`,
    readonly: false,
    options: ['rprivate'],
  }))
}

/** Where those of a container in `folder` lie. */
export function etcPaths(folder: string): NonNullable<ContainerDetails['etcFiles']> {
  return {
    hosts: join(folder, 'hosts'),
    hostname: join(folder, 'hostname'),
    resolvConf: join(folder, 'resolv.conf'),
  }
}

function hostsFile({ hostname, endpoints, request }: EtcOptions): string {
  const names = request.domainname ? `${hostname}.${request.domainname} ${hostname}` : hostname
  const addresses = Object.values(endpoints)
  const gateway = addresses.find((endpoint) => endpoint.gateway !== '')?.gateway
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...request.extraHosts.map((entry) => extraHost(entry, gateway)),
    ...addresses.flatMap(({ ip, ipv6 }) => (ipv6 ? [ip, ipv6.ip] : [ip]).map((one) => `${one}\t${names}`)),
  ]
  return `${lines.join('\n')}\n`
}

/** `name:address` or `name=address`, where the address may be `host-gateway`. INVALID_ARGUMENT. */
export function parseExtraHost(entry: string): { readonly name: string; readonly address: string } {
  const colon = entry.search(/[:=]/)
  const [name, address] = [entry.slice(0, colon), entry.slice(colon + 1)]
  // a newline, in either, would add a line of its own (C-R13)
  if (colon < 1 || !/^[\w.-]+$/.test(name))
    throw failure('INVALID_ARGUMENT', { reason: `bad format for add-host: ${JSON.stringify(entry)}` })
  if (address !== 'host-gateway' && (isIP(address) === 0 || address.includes('%')))
    throw failure('INVALID_ARGUMENT', {
      reason: `invalid IP address in add-host: ${JSON.stringify(address)}`,
    })
  return { name, address }
}

function extraHost(entry: string, gateway: string | undefined): string {
  const { name, address } = parseExtraHost(entry)
  return `${address === 'host-gateway' ? (gateway ?? '127.0.0.1') : address}\t${name}`
}

/** The host's file; on a network of its own without loopback resolvers, which a container cannot reach. */
function resolvFile({ request, nameServer }: EtcOptions): string {
  const { dnsSearch = [], dnsOptions = [] } = request
  let text = nameServers(request, nameServer)
  for (const [name, words] of [
    ['search', dnsSearch],
    ['options', dnsOptions],
  ] as const) {
    if (words.length === 0) continue
    const others = text.split('\n').filter((line) => line !== '' && !line.startsWith(`${name} `))
    // `.` alone takes the search domains of the host away
    const own = words.length === 1 && words[0] === '.' ? [] : [`${name} ${words.join(' ')}`]
    text = [...others, ...own, ''].join('\n')
  }
  return text
}

function nameServers(request: EtcOptions['request'], nameServer: string | undefined): string {
  if (nameServer !== undefined) {
    // those given come after: they are asked when the network's own does not answer
    const servers = [nameServer, ...request.dns].map((address) => `nameserver ${address}\n`)
    // a question that comes while the name server opens its sockets anew is lost: it is asked again soon, not after 5 seconds
    return `${searchLines()}${servers.join('')}options ndots:0 timeout:1 attempts:5\n`
  }
  if (request.dns.length > 0) return request.dns.map((address) => `nameserver ${address}\n`).join('')
  const host = readIfThere('/etc/resolv.conf')
  if (request.network === 'host') return host
  const lines = host.split('\n').filter((line) => !/^\s*nameserver\s+(127\.|::1)/.test(line))
  if (lines.some((line) => /^\s*nameserver\s/.test(line))) return lines.join('\n')
  return readIfThere('/run/systemd/resolve/resolv.conf') || host
}

function searchLines(): string {
  const lines = readIfThere('/etc/resolv.conf').split('\n')
  return lines.flatMap((line) => (/^\s*search\s/.test(line) ? [`${line}\n`] : [])).join('')
}
