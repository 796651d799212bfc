import { readFile } from 'node:fs/promises'
import type { BuildSession } from '../session.ts'
import type { StepNetwork } from '../step-runner.ts'

/** Contents of the files in /etc that a step gets from this machine: resolv.conf, hosts, hostname. */
export async function hostFiles(
  network: StepNetwork,
  { hostname, hosts: extra = [] }: BuildSession['run'],
): Promise<Record<string, string>> {
  const hosts = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...(network.hosts ?? [`127.0.0.1\t${hostname}`]),
    ...extra.map((line) => extraHost(line, network)),
  ]
  return {
    'resolv.conf': await resolvers(network),
    hosts: `${hosts.join('\n')}\n`,
    hostname: `${hostname}\n`,
  }
}

/** `name:address`; only the first colon separates, an IPv6 address has more. */
function extraHost(line: string, { gateway = '127.0.0.1' }: StepNetwork): string {
  const colon = line.indexOf(':')
  const address = line.slice(colon + 1)
  return `${address === 'host-gateway' ? gateway : address}\t${line.slice(0, colon)}`
}

/** The machine's own file; in a network of its own a resolver on loopback cannot be reached, so the real ones behind it. */
async function resolvers({ mode }: StepNetwork): Promise<string> {
  const own = await readFile('/etc/resolv.conf', 'utf8').catch(() => '')
  if (mode.kind !== 'namespace') return own
  const lines = own.split('\n').filter((line) => !/^\s*nameserver\s+(127\.|::1)/.test(line))
  if (lines.some((line) => /^\s*nameserver\s/.test(line))) return lines.join('\n')
  const upstream = await readFile('/run/systemd/resolve/resolv.conf', 'utf8').catch(() => '')
  return upstream || own
}
