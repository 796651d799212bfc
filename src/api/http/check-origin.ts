import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { failure } from '../../util/errors.ts'

/**
 * Refuses what comes from a web page (C-A2): no Docker client sends an Origin, and a name that is not this machine's
 * in Host is a page's own, rebound to this address. API_REQUEST_REFUSED.
 */
export function checkOrigin(request: IncomingMessage, overTcp: boolean): void {
  const { origin, host = '' } = request.headers
  if (origin !== undefined) {
    throw refused(`requests of web pages are refused (origin ${origin.slice(0, 200)})`)
  }
  if (overTcp && !isOwnHost(host)) {
    throw refused(
      `host "${host.slice(0, 200)}" is not this machine: use its address, localhost or its host name`,
    )
  }
}

function isOwnHost(host: string): boolean {
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  return isIP(name) !== 0 || name === 'localhost' || name === hostname().toLowerCase()
}

function refused(reason: string): Error {
  return failure('API_REQUEST_REFUSED', { reason })
}
