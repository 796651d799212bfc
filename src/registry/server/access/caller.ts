import type { Right } from './policy.ts'

/** Who makes a request, and what that one may do. */
export interface Caller {
  /** Empty when nobody logged in. */
  readonly user: string
  /** Nobody logged in, where there are users. */
  readonly isAnonymous: boolean
  may(right: Right, repository: string): boolean
  /** May the catalog name it? */
  sees(repository: string): boolean
}

/** What a request wants to do with a repository: it needs one of the rights. */
export interface Need {
  readonly repository: string
  readonly rights: readonly Right[]
}
