import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { MilleError } from '../../../util/errors.ts'
import type { Need } from './caller.ts'
import { scopeOf } from './scopes.ts'
import { tokenService } from './tokens.ts'

const realmPath = '/token'

/**
 * What a client without the right login is told to get. One scheme alone: docker answers each that it is offered.
 * Source: RFC 7235, section 4.1; RFC 6750, section 3.
 */
export function challengeFor(
  request: IncomingMessage,
  { details }: MilleError,
  tokens: { readonly publicUrl?: string | undefined } | undefined,
): string {
  if (tokens === undefined) return 'Basic realm="mille registry", charset="UTF-8"'
  const needs = details['needs'] as readonly Need[] | undefined
  const scope = scopeOf(needs ?? [])
  const parts = [
    `realm="${tokens.publicUrl ?? urlOf(request)}${realmPath}"`,
    `service="${tokenService}"`,
    ...(scope === '' ? [] : [`scope="${scope}"`]),
    ...(typeof details['error'] === 'string' ? [`error="${details['error']}"`] : []),
  ]
  return `Bearer ${parts.join(',')}`
}

export function isTokenPath(path: string): boolean {
  return path === realmPath
}

/** As the client reached it. */
function urlOf({ headers, socket }: IncomingMessage): string {
  const scheme = (socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
  const told = headers.host ?? (headers[':authority'] as string | undefined) ?? ''
  // it is put between quotes
  if (/^[\w.-]+(?::\d+)?$|^\[[\da-fA-F:]+\](?::\d+)?$/.test(told)) return `${scheme}://${told}`
  const { localAddress = '127.0.0.1', localPort = 0 } = socket
  return `${scheme}://${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
}
