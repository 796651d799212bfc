import { createHash, randomUUID } from 'node:crypto'
import type { JWTPayload } from 'jose'
import type { ScopeAccess } from './scopes.ts'

export interface TokenOptions {
  /** HMAC key, at least 32 bytes. */
  readonly key: Uint8Array
  /** Life of an access token, ms; default 5 minutes. */
  readonly lifetime?: number
  /** Life of a refresh token, ms; default 90 days. */
  readonly refreshLifetime?: number
}

export interface AccessToken {
  /** Empty for who has not logged in. */
  readonly user: string
  readonly scopes: readonly ScopeAccess[]
}

/** The `service` of challenges, and the audience of tokens. */
export const tokenService = 'mille'

const issuer = 'mille'
const accessType = 'at+jwt'
const refreshType = 'rt+jwt'
const maxRemembered = 1000
/** More than a token with a hundred scopes takes: no long text is hashed for anybody. */
const longestToken = 64 * 1024

/**
 * Tokens as JWT (RFC 7519) with HMAC-SHA-256. Nothing else is taken: no other algorithm, no key that a token itself
 * names (CVE-2025-24976), no token of one kind for the other.
 */
export class Tokens {
  readonly #options: TokenOptions
  /** Verified ones, until they end: a push sends the same one a hundred times. */
  readonly #verified = new Map<string, AccessToken & { readonly expires: number }>()

  constructor(options: TokenOptions) {
    this.#options = options
  }

  /** Of access tokens, in seconds. */
  get lifetime(): number {
    return Math.max(1, Math.floor((this.#options.lifetime ?? 5 * 60_000) / 1000))
  }

  async issueAccess(user: string, scopes: readonly ScopeAccess[]): Promise<string> {
    return this.#sign(accessType, { access: scopes }, user, this.lifetime)
  }

  /** `hash` is the user's stored password hash: with another password the token ends. */
  async issueRefresh(user: string, hash: string): Promise<string> {
    const lifetime = Math.max(1, Math.floor((this.#options.refreshLifetime ?? 90 * 86_400_000) / 1000))
    return this.#sign(refreshType, { password: fingerprint(hash) }, user, lifetime)
  }

  /** Undefined for what is no valid access token of this registry. */
  async verifyAccess(token: string): Promise<AccessToken | undefined> {
    const known = this.#verified.get(token)
    if (known !== undefined && known.expires * 1000 > Date.now()) return known
    this.#verified.delete(token)
    const claims = await this.#verify(accessType, token)
    if (claims === undefined) return undefined
    const found = {
      user: claims.sub ?? '',
      scopes: claims['access'] as readonly ScopeAccess[],
      expires: claims.exp ?? 0,
    }
    if (this.#verified.size >= maxRemembered) this.#verified.clear()
    this.#verified.set(token, found)
    return found
  }

  /** The user of a refresh token whose password is still the same; `hashOf` gives the stored hash. */
  async verifyRefresh(
    token: string,
    hashOf: (user: string) => string | undefined,
  ): Promise<string | undefined> {
    const claims = await this.#verify(refreshType, token)
    const hash = claims?.sub === undefined ? undefined : hashOf(claims.sub)
    return hash !== undefined && claims?.['password'] === fingerprint(hash) ? claims.sub : undefined
  }

  async #sign(
    type: string,
    claims: Readonly<Record<string, unknown>>,
    user: string,
    lifetime: number,
  ): Promise<string> {
    const { SignJWT } = await import('jose')
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: type })
      .setIssuer(issuer)
      .setAudience(tokenService)
      .setSubject(user)
      .setJti(randomUUID())
      .setIssuedAt(now)
      .setExpirationTime(now + lifetime)
      .sign(this.#options.key)
  }

  async #verify(type: string, token: string): Promise<JWTPayload | undefined> {
    if (token.length > longestToken) return undefined
    const { jwtVerify } = await import('jose')
    const checks = {
      algorithms: ['HS256'],
      typ: type,
      issuer,
      audience: tokenService,
      requiredClaims: ['exp'],
    }
    try {
      return (await jwtVerify(token, this.#options.key, checks)).payload
    } catch {
      // whatever is wrong with it, its sender is told the same
      return undefined
    }
  }
}

function fingerprint(hash: string): string {
  return createHash('sha256').update(hash).digest('base64url')
}
