/** `create` pushes what is not there, `update` also moves tags that are. */
export type Right = 'read' | 'create' | 'update' | 'delete'

/** Gives rights; no rule takes any away. */
export interface AccessRule {
  /** `*` stands for any part of one path component, `**` for any number of components. */
  readonly repositories: readonly string[]
  /** Names; `*` is whoever has logged in, `anonymous` is everybody. */
  readonly users: readonly string[]
  readonly allow: readonly Right[]
}

export const allRights: readonly Right[] = ['read', 'create', 'update', 'delete']

const everyone = 'anonymous'
const anyUser = '*'

/** Who may do what with which repository: the sum of all rules that fit. */
export class AccessPolicy {
  readonly #rules: readonly CompiledRule[]

  constructor(rules: readonly AccessRule[]) {
    this.#rules = rules.map(({ repositories, users, allow }) => ({
      patterns: repositories.map(compilePattern),
      users: new Set(users),
      allow: new Set(allow),
    }))
  }

  /** `user` is empty for who has not logged in. */
  may(user: string, right: Right, repository: string): boolean {
    return this.#rules.some(
      ({ patterns, users, allow }) =>
        allow.has(right) && fits(users, user) && patterns.some((pattern) => pattern.test(repository)),
    )
  }
}

interface CompiledRule {
  readonly patterns: readonly RegExp[]
  readonly users: ReadonlySet<string>
  readonly allow: ReadonlySet<Right>
}

function fits(users: ReadonlySet<string>, user: string): boolean {
  return users.has(everyone) || (user !== '' && (users.has(anyUser) || users.has(user)))
}

/** Does a name fit a pattern as rules have them? */
export function matchesPattern(pattern: string, name: string): boolean {
  return compilePattern(pattern).test(name)
}

/** `team/**` also fits `team` itself. */
function compilePattern(text: string): RegExp {
  const source = text
    .split(/(\/\*\*$|\*\*\/?|\*)/)
    .map((part) => {
      if (part === '/**') return '(?:/.*)?'
      if (part === '**/') return '(?:.*/)?'
      if (part === '**') return '.*'
      if (part === '*') return '[^/]*'
      return part.replace(/[.+?^${}()|[\]\\/-]/g, String.raw`\$&`)
    })
    .join('')
  return new RegExp(`^${source}$`)
}
