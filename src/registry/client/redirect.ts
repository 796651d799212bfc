import { failure } from '../../util/errors.ts'
import { isPrivateAddress } from './private-address.ts'

/** Hops followed for one request. */
export const maxRedirects = 10

/**
 * Where a redirect leads. Refused: other schemes than http and https, from https down to http, from a public server
 * into a private network, user names in the URL. Throws REGISTRY_REDIRECT_REFUSED (B-PL-9, C-W1).
 */
export function redirectTarget(from: URL, location: string): URL {
  const refuse = (reason: string): Error =>
    failure('REGISTRY_REDIRECT_REFUSED', { host: from.host, target: redactUrl(location, from), reason })
  if (!URL.canParse(location, from.href)) throw refuse('not a URL')
  const target = new URL(location, from)
  if (target.protocol !== 'https:' && target.protocol !== 'http:')
    throw refuse('only http and https are followed')
  if (from.protocol === 'https:' && target.protocol === 'http:') throw refuse('from https to http')
  if (target.username !== '' || target.password !== '') throw refuse('it carries a user name')
  if (
    target.hostname !== from.hostname &&
    isPrivateAddress(target.hostname) &&
    !isPrivateAddress(from.hostname)
  ) {
    throw refuse('from a public server to a private address')
  }
  return target
}

/** A URL without user info and query, whose values may be signatures (C-W8). */
export function redactUrl(text: string, base?: URL): string {
  if (!URL.canParse(text, base?.href)) return '(no URL)'
  const url = new URL(text, base)
  return `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`.slice(0, 300)
}
