import type { Readable } from 'node:stream'
import { failure } from '../../../util/errors.ts'
import { jsonAnswer } from '../answer.ts'
import type { Answer, RegistryRequest } from '../answer.ts'
import { type Htpasswd, isAnonymous } from './htpasswd.ts'
import type { AccessPolicy } from './policy.ts'
import { grantedScopes, parseScopes } from './scopes.ts'
import type { Tokens } from './tokens.ts'

export interface TokenParts {
  readonly htpasswd: Htpasswd
  readonly policy: AccessPolicy
  readonly tokens: Tokens
}

type TokenRequest = Pick<RegistryRequest, 'method' | 'query' | 'headers' | 'body'>

const formLimit = 256 * 1024

/**
 * Gives tokens: GET with Basic auth or without a login, POST with a form (OAuth 2). What is asked for and not allowed is
 * left out of the token. Source: distribution, "Token Authentication Specification", "Oauth2 Token Authentication".
 * Throws REGISTRY_LOGIN_REQUIRED for a wrong login, INVALID_ARGUMENT for a form that says nothing sensible.
 */
export async function tokenEndpoint(request: TokenRequest, parts: TokenParts): Promise<Answer> {
  if (request.method === 'POST') return postToken(await readForm(request.body), parts)
  if (request.method !== 'GET') {
    const allow = { details: { allow: ['GET', 'POST'] } }
    throw failure('REGISTRY_METHOD_UNSUPPORTED', { method: request.method, reason: '' }, allow)
  }
  const { query, headers } = request
  const user = await userOf(headers.authorization, parts)
  const offline = query.get('offline_token') === 'true'
  const scopes = query.getAll('scope')
  const { token, ...rest } = await grant(parts, user, scopes, offline)
  return tokenAnswer({ token, access_token: token, ...rest })
}

async function postToken(form: URLSearchParams, parts: TokenParts): Promise<Answer> {
  const { htpasswd, tokens } = parts
  const type = form.get('grant_type')
  const scopes = form.getAll('scope')
  if (type === 'refresh_token') {
    const users = await htpasswd.load()
    const given = form.get('refresh_token') ?? ''
    const user = await tokens.verifyRefresh(given, (name) => users.get(name))
    if (user === undefined) throw failure('REGISTRY_LOGIN_REQUIRED', {})
    const { token, ...rest } = await grant(parts, user, scopes, false)
    return tokenAnswer({ access_token: token, scope: scopes.join(' '), refresh_token: given, ...rest })
  }
  if (type !== 'password') {
    throw failure('INVALID_ARGUMENT', { reason: 'grant_type must be password or refresh_token' })
  }
  const user = await htpasswd.check(form.get('username') ?? '', form.get('password') ?? '')
  if (user === undefined) throw failure('REGISTRY_LOGIN_REQUIRED', {})
  const { token, ...rest } = await grant(parts, user, scopes, form.get('access_type') === 'offline')
  return tokenAnswer({ access_token: token, scope: scopes.join(' '), ...rest })
}

async function userOf(authorization: string | undefined, { htpasswd }: TokenParts): Promise<string> {
  if (isAnonymous(authorization)) return ''
  const user = await htpasswd.authenticate(authorization)
  if (user === undefined) throw failure('REGISTRY_LOGIN_REQUIRED', {})
  return user
}

interface Grant {
  readonly token: string
  readonly expires_in: number
  readonly issued_at: string
  readonly refresh_token?: string
}

async function grant(
  { htpasswd, policy, tokens }: TokenParts,
  user: string,
  scopes: readonly string[],
  offline: boolean,
): Promise<Grant> {
  const granted = grantedScopes(parseScopes(scopes), (right, name) => policy.may(user, right, name))
  const hash = offline ? (await htpasswd.load()).get(user) : undefined
  return {
    token: await tokens.issueAccess(user, granted),
    expires_in: tokens.lifetime,
    issued_at: new Date().toISOString(),
    ...(hash !== undefined && { refresh_token: await tokens.issueRefresh(user, hash) }),
  }
}

function tokenAnswer(value: unknown): Answer {
  // RFC 6749, section 5.1: no cache keeps a token
  return jsonAnswer(200, value, { 'cache-control': 'no-store' })
}

async function readForm(body: Readable): Promise<URLSearchParams> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > formLimit)
      throw failure('INVALID_ARGUMENT', { reason: `a form has at most ${formLimit} bytes` })
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
