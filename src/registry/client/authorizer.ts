import { failure } from '../../util/errors.ts'
import type { Login } from '../repository.ts'
import type { Challenge } from './challenge.ts'
import { parseChallenges } from './challenge.ts'
import type { Answer, Exchange } from './exchange.ts'
import { drain, readAtMost } from './exchange.ts'
import { isAddressLiteral, isPrivateAddress } from './private-address.ts'
import { redactUrl } from './redirect.ts'

const maxTokenAnswer = 1024 * 1024
const maxTokenLength = 65_536
/** A token without a stated life is good for 60 s. Source: Docker registry, "Token Authentication Specification". */
const defaultLife = 60

type Method =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer'; readonly realm: URL; readonly service: string | undefined }

interface Token {
  readonly value: string
  /** Monotonic milliseconds: a wall clock that jumps breaks no token (I9). */
  readonly expires: number
}

/**
 * Who we are at one registry origin. Credentials go to that origin, or to the token service that it names, provided
 * that is one a public registry may name (C-W2); to nobody else.
 */
export class Authorizer {
  readonly #origin: URL
  readonly #exchange: Exchange
  readonly #login: () => Promise<Login | undefined>
  readonly #tokens = new Map<string, Token>()
  readonly #pending = new Map<string, Promise<string>>()
  #method: Method | undefined

  constructor(origin: URL, exchange: Exchange, login: () => Promise<Login | undefined>) {
    this.#origin = origin
    this.#exchange = exchange
    this.#login = login
  }

  get isChallenged(): boolean {
    return this.#method !== undefined
  }

  /** The Authorization header for `scopes`, as far as it is known what the registry wants. */
  async header(scopes: readonly string[], signal: AbortSignal | undefined): Promise<string | undefined> {
    if (this.#method?.kind === 'basic') return basic(await this.#login())
    if (this.#method?.kind === 'bearer') return `Bearer ${await this.#token(this.#method, scopes, signal)}`
    return undefined
  }

  /** Takes note of a 401. False when there is nothing to answer it with. */
  async challenged(answer: Answer, scopes: readonly string[]): Promise<boolean> {
    // a 401 behind a redirect is another server's: it gets no answer with our credentials (C-W3)
    if (answer.url.origin !== this.#origin.origin) return false
    const challenges = parseChallenges(answer.headers('www-authenticate'))
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))
    if (bearer) {
      this.#method = this.#bearerMethod(bearer)
      this.#tokens.delete(scopeKey(scopes))
      return true
    }
    if (!challenges.some(({ scheme }) => scheme === 'basic') || basic(await this.#login()) === undefined)
      return false
    this.#method = { kind: 'basic' }
    return true
  }

  #bearerMethod(challenge: Challenge): Method {
    const text = challenge.parameters.get('realm') ?? ''
    const refuse = (reason: string): Error =>
      failure('REGISTRY_TOKEN_REFUSED', { host: this.#origin.host, realm: redactUrl(text), reason })
    if (!URL.canParse(text)) throw refuse('not a URL')
    const realm = new URL(text)
    if (realm.protocol !== 'https:' && realm.protocol !== 'http:') throw refuse('only http and https')
    if (realm.username !== '' || realm.password !== '') throw refuse('it carries a user name')
    const foreign = realm.hostname !== this.#origin.hostname
    const bothLocal = isPrivateAddress(realm.hostname) && isPrivateAddress(this.#origin.hostname)
    if (realm.protocol === 'http:' && (this.#origin.protocol === 'https:' || (foreign && !bothLocal))) {
      throw refuse('credentials would travel without encryption')
    }
    if (foreign && !bothLocal && (isAddressLiteral(realm.hostname) || isPrivateAddress(realm.hostname))) {
      throw refuse('an address instead of a name')
    }
    return { kind: 'bearer', realm, service: challenge.parameters.get('service') }
  }

  async #token(
    method: Method & { kind: 'bearer' },
    scopes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const key = scopeKey(scopes)
    const known = this.#tokens.get(key)
    if (known && known.expires > performance.now()) return known.value
    const pending = this.#pending.get(key)
    if (pending) return pending
    const fetching = this.#fetchToken(method, scopes, signal).then((token) => {
      this.#tokens.set(key, token)
      return token.value
    })
    this.#pending.set(key, fetching)
    try {
      return await fetching
    } finally {
      this.#pending.delete(key)
    }
  }

  async #fetchToken(
    method: Method & { kind: 'bearer' },
    scopes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    const login = await this.#login()
    const answer = await this.#requestToken(method, scopes, login, signal)
    if (answer.status === 401 || answer.status === 403) {
      await drain(answer.body)
      throw failure('LOGIN_REFUSED', { host: this.#origin.host })
    }
    if (answer.status !== 200) {
      await drain(answer.body)
      throw this.#refused(method.realm, `status ${answer.status}`)
    }
    return this.#readToken(answer, method.realm)
  }

  #requestToken(
    { realm, service }: Method & { kind: 'bearer' },
    scopes: readonly string[],
    login: Login | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const query: [string, string][] = scopes.map((scope) => ['scope', scope])
    if (service !== undefined) query.unshift(['service', service])
    if (login && 'identityToken' in login) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: login.identityToken,
        client_id: 'mille',
        ...(service !== undefined && { service }),
        scope: scopes.join(' '),
      })
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      return this.#exchange.send(realm, { method: 'POST', headers, body: form.toString(), signal })
    }
    const url = new URL(realm)
    if (login) query.push(['account', login.username])
    for (const [name, value] of query) url.searchParams.append(name, value)
    return this.#exchange.send(url, { authorization: basic(login), signal })
  }

  async #readToken(answer: Answer, realm: URL): Promise<Token> {
    const body = await readAtMost(answer.body, maxTokenAnswer)
    if (!body) throw this.#refused(realm, `an answer of more than ${maxTokenAnswer} bytes`)
    let fields: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null
    try {
      fields = JSON.parse(body.toString()) as typeof fields
    } catch {
      // the parser's message would quote the token
      throw this.#refused(realm, 'the answer is not JSON')
    }
    const value = fields?.token ?? fields?.access_token
    if (typeof value !== 'string' || value.length > maxTokenLength || !/^[\x21-\x7e]+$/.test(value)) {
      throw this.#refused(realm, 'the answer holds no usable token')
    }
    const life =
      typeof fields?.expires_in === 'number' && fields.expires_in > 0 ? fields.expires_in : defaultLife
    return { value, expires: performance.now() + Math.min(life, 86_400) * 900 }
  }

  #refused(realm: URL, reason: string): Error {
    return failure('REGISTRY_TOKEN_REFUSED', {
      host: this.#origin.host,
      realm: redactUrl(realm.href),
      reason,
    })
  }
}

/** The Authorization header for a login by name; undefined for a token. Source: RFC 7617. */
export function basic(login: Login | undefined): string | undefined {
  if (!login || 'identityToken' in login) return undefined
  return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
}

function scopeKey(scopes: readonly string[]): string {
  return scopes.toSorted().join(' ')
}
