import { isRepositoryName } from '../../../oci/reference.ts'
import type { Need } from './caller.ts'
import type { Right } from './policy.ts'

/** An entry of a token's `access` claim. Source: distribution, "Token Authentication Implementation". */
export interface ScopeAccess {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

const maxScopes = 100

/** The actions of tokens know no difference between creating and updating. */
const actionOf: Readonly<Record<Right, string>> = {
  read: 'pull',
  create: 'push',
  update: 'push',
  delete: 'delete',
}

const rightsOf: Readonly<Record<string, readonly Right[]>> = {
  pull: ['read'],
  push: ['create', 'update'],
  delete: ['delete'],
}

/** The `scope` of a challenge: who gets a token for it can do the request. */
export function scopeOf(needs: readonly Need[]): string {
  return needs
    .map(({ repository, rights }) => {
      const actions = new Set(rights.map((right) => actionOf[right]))
      // a client that pushes asks what is there, with the same token
      if (actions.has('push')) actions.add('pull')
      return `repository:${repository}:${[...actions].sort().join(',')}`
    })
    .join(' ')
}

/** Scopes as asked for, several in one parameter or in several; what is no scope is left out. */
export function parseScopes(texts: readonly string[]): readonly ScopeAccess[] {
  return texts
    .flatMap((text) => text.split(' '))
    .slice(0, maxScopes)
    .flatMap((text) => {
      const [, type = '', name = '', actions = ''] =
        /^([a-z]+)(?:\([a-z]+\))?:(.*):([a-z,*]*)$/.exec(text) ?? []
      return type === '' ? [] : [{ type, name, actions: actions.split(',').filter(Boolean) }]
    })
}

/** Of what is asked for, what `may` allows; the catalog shows everybody only what they may read. */
export function grantedScopes(
  asked: readonly ScopeAccess[],
  may: (right: Right, repository: string) => boolean,
): readonly ScopeAccess[] {
  return asked.flatMap(({ type, name, actions }) => {
    if (type === 'registry' && name === 'catalog') return [{ type, name, actions: ['*'] }]
    if (type !== 'repository' || !isRepositoryName(name)) return []
    const wanted = actions.includes('*') ? Object.keys(rightsOf) : actions
    const granted = wanted.filter((action) => rightsOf[action]?.some((right) => may(right, name)))
    return granted.length === 0 ? [] : [{ type, name, actions: granted }]
  })
}

/** Does a token with these scopes carry the right? */
export function carries(scopes: readonly ScopeAccess[], right: Right, repository: string): boolean {
  return scopes.some(
    ({ type, name, actions }) =>
      type === 'repository' && name === repository && actions.includes(actionOf[right]),
  )
}

/** Is the catalog asked for with this token? Then it shows all that its user may read. */
export function carriesCatalog(scopes: readonly ScopeAccess[]): boolean {
  return scopes.some(({ type, name }) => type === 'registry' && name === 'catalog')
}
