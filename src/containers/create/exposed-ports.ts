import type { ContainerConfig } from '../../oci/config.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerRequest } from '../containers.ts'

export type ExposedPort = Pick<ContainerRequest['ports'][number], 'containerPort' | 'protocol'>

/** Ports that `-P` publishes at most: an image may say `1-65535`, and each one takes a listening socket. */
const mostPublished = 1000

/**
 * What a config exposes, each port of a range by itself: `80`, `80/udp`, `8000-8010/tcp`. An image may say anything
 * here, so this is asked for only when the ports are to be published. EXPOSED_PORT_INVALID.
 */
export function exposedPorts({ ExposedPorts = {} }: ContainerConfig): ExposedPort[] {
  const ports = new Map<string, ExposedPort>()
  for (const text of Object.keys(ExposedPorts)) {
    for (const port of parseExposed(text)) ports.set(`${port.containerPort}/${port.protocol}`, port)
    if (ports.size > mostPublished)
      throw invalid(text, `more than ${mostPublished} ports cannot be published at once`)
  }
  return [...ports.values()]
}

function parseExposed(text: string): ExposedPort[] {
  const [, first, last = first, name = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? []
  const from = Number(first)
  const to = Number(last)
  if (first === undefined || from < 1 || to > 65_535 || from > to)
    throw invalid(text, 'a port is a number from 1 to 65535, or a range of them')
  const protocol = name.toLowerCase()
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw invalid(text, `protocol ${name} cannot be published, only tcp and udp`)
  return Array.from({ length: to - from + 1 }, (_, index) => ({ containerPort: from + index, protocol }))
}

function invalid(port: string, reason: string): Error {
  return failure('EXPOSED_PORT_INVALID', { port: JSON.stringify(port.slice(0, 100)), reason })
}
