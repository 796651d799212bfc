import type { IncomingHttpHeaders } from 'node:http'
import { failure } from '../../../util/errors.ts'
import type { Caller, Need } from './caller.ts'
import { type Htpasswd, isAnonymous } from './htpasswd.ts'
import type { AccessPolicy, Right } from './policy.ts'
import { carries, carriesCatalog, type ScopeAccess } from './scopes.ts'
import type { Tokens } from './tokens.ts'

export interface GateParts {
  /** Without it nobody can log in, and the policy's rules for everybody are all there is. */
  readonly htpasswd: Htpasswd | undefined
  /** Without it logins are Basic alone. */
  readonly tokens: Tokens | undefined
  readonly policy: AccessPolicy
}

interface Identity {
  /** Empty for who has not logged in. */
  readonly user: string
  /** What the token carries; who came without one is not limited by it. */
  readonly scopes?: readonly ScopeAccess[]
}

/** Lets requests in, or says what they lack. */
export class Gate {
  readonly #parts: GateParts

  constructor(parts: GateParts) {
    this.#parts = parts
  }

  /**
   * The caller, who has one right of each need; without needs, who has come with a login or a token, or, where it is
   * open, anybody.
   * Throws REGISTRY_LOGIN_REQUIRED (`details.needs`; `details.error` as in RFC 6750), REGISTRY_ACCESS_DENIED.
   */
  async admit(
    { authorization }: IncomingHttpHeaders,
    needs: readonly Need[],
    isOpenToAll: boolean = false,
  ): Promise<Caller> {
    const { policy, htpasswd } = this.#parts
    if (htpasswd === undefined) return this.#admitAs({ user: '' }, needs)
    const identity = await this.#identify(htpasswd, authorization, needs)
    if (identity !== undefined) return this.#admitAs(identity, needs)
    const isOpen = needs.every(({ rights, repository }) =>
      rights.some((right) => policy.may('', right, repository)),
    )
    if ((needs.length === 0 && !isOpenToAll) || !isOpen) throw loginRequired(needs)
    return this.#admitAs({ user: '' }, needs)
  }

  #admitAs({ user, scopes }: Identity, needs: readonly Need[]): Caller {
    const { policy } = this.#parts
    const may = (right: Right, repository: string): boolean =>
      policy.may(user, right, repository) && (scopes === undefined || carries(scopes, right, repository))
    const isCatalog = scopes !== undefined && carriesCatalog(scopes)
    const sees = (repository: string): boolean =>
      isCatalog ? policy.may(user, 'read', repository) : may('read', repository)
    for (const { rights, repository } of needs) {
      const isCarried = scopes === undefined || rights.some((right) => carries(scopes, right, repository))
      // told before what the rules say: a client fetches a token for each repository
      if (!isCarried) throw loginRequired(needs, 'insufficient_scope')
      if (!rights.some((right) => may(right, repository))) {
        throw failure('REGISTRY_ACCESS_DENIED', { repository })
      }
    }
    const isAnonymous = user === '' && this.#parts.htpasswd !== undefined
    return { user, isAnonymous, may, sees }
  }

  /** Undefined for who does not say who he is; who says something wrong is refused, also where nothing is needed. */
  async #identify(
    htpasswd: Htpasswd,
    authorization: string | undefined,
    needs: readonly Need[],
  ): Promise<Identity | undefined> {
    if (isAnonymous(authorization)) return undefined
    const bearer = /^bearer +([\w.-]+)$/i.exec(authorization ?? '')?.[1]
    if (bearer === undefined || this.#parts.tokens === undefined) {
      const user = await htpasswd.authenticate(authorization)
      if (user === undefined) throw loginRequired(needs)
      return { user }
    }
    const token = await this.#parts.tokens.verifyAccess(bearer)
    // a user who was removed is out at once, not when the token ends
    if (token === undefined || (token.user !== '' && !(await htpasswd.load()).has(token.user))) {
      throw loginRequired(needs, 'invalid_token')
    }
    return token
  }
}

function loginRequired(needs: readonly Need[], error?: 'insufficient_scope' | 'invalid_token'): Error {
  return failure('REGISTRY_LOGIN_REQUIRED', {}, { details: { needs, error } })
}
