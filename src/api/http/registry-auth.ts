import type { IncomingHttpHeaders } from 'node:http'
import type { Login, LoginSource } from '../../registry/repository.ts'
import { failure } from '../../util/errors.ts'
import { readFields, type Body } from './wire-fields.ts'

const authFields = {
  username: 'text',
  password: 'text',
  auth: 'text',
  identitytoken: 'text',
  serveraddress: 'text',
} as const

/**
 * The login that a client sends along (`X-Registry-Auth`), for whatever registry the call is about; undefined without
 * one. INVALID_ARGUMENT, which never quotes it.
 */
export function registryAuth(headers: IncomingHttpHeaders): LoginSource | undefined {
  const text = headers['x-registry-auth']
  if (typeof text !== 'string' || text === '') return undefined
  const login = toLogin(readFields(decodeHeader('X-Registry-Auth', text), authFields))
  return login === undefined ? undefined : { find: () => Promise.resolve(login) }
}

/** The logins of a build (`X-Registry-Config`), by registry. */
export function registryConfig(headers: IncomingHttpHeaders): LoginSource | undefined {
  const text = headers['x-registry-config']
  if (typeof text !== 'string' || text === '') return undefined
  const { all = {} } = readFields({ all: decodeHeader('X-Registry-Config', text) }, {
    all: ['map', authFields as typeof authFields],
  } as const)
  const logins = new Map(
    Object.entries(all).map(([address, auth]) => [registryOf(address), toLogin(auth)] as const),
  )
  return logins.size === 0 ? undefined : { find: (registry) => Promise.resolve(logins.get(registry)) }
}

/** JSON in base64, of either alphabet. */
function decodeHeader(name: string, text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString() || 'null') ?? {}
  } catch {
    throw failure('INVALID_ARGUMENT', { reason: `invalid ${name} header` })
  }
}

function toLogin(auth: Body<typeof authFields>): Login | undefined {
  if (auth.identitytoken) return { identityToken: auth.identitytoken }
  const [, user, secret] = /^([^:]*):([^]*)$/.exec(Buffer.from(auth.auth ?? '', 'base64').toString()) ?? []
  const username = auth.username || user
  const password = auth.password || secret
  return username && password !== undefined ? { username, password } : undefined
}

function registryOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').split('/')[0] ?? ''
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host
}
