import type { GitReference } from '../../dockerfile/git-reference.ts'
import { isCommit } from '../../dockerfile/git-reference.ts'
import type { Digest } from '../../oci/digest.ts'
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import type { LockFile, LockKind } from './lock-file.ts'

/** What a locked build takes in place of asking where names lead. Errors: LOCK_INCOMPLETE for a name that is not locked. */
export class Pins {
  readonly #lock: LockFile
  readonly #file: string

  constructor(lock: LockFile, file: string) {
    this.#lock = lock
    this.#file = file
  }

  /** Undefined for a name that says by itself what it is. */
  image(name: string): Digest | undefined {
    const key = imageKey(name)
    return key === undefined ? undefined : (this.#get('images', key) as Digest)
  }

  commit(reference: GitReference): string | undefined {
    const key = gitKey(reference)
    return key === undefined ? undefined : this.#get('git', key)
  }

  checksum(url: string): string {
    return this.#get('urls', urlKey(url))
  }

  #get(kind: LockKind, name: string): string {
    const value = Object.hasOwn(this.#lock[kind], name) ? this.#lock[kind][name] : undefined
    if (value !== undefined) return value
    throw failure('LOCK_INCOMPLETE', { name, file: this.#file })
  }
}

/** A canonical name with its tag; undefined when it has a digest, or is no name of a registry. */
export function imageKey(name: string): string | undefined {
  if (name.startsWith('oci-layout://')) return undefined
  const reference = parseReference(name)
  return reference.digest === undefined ? formatReference(withDefaultTag(reference)) : undefined
}

export function gitKey({ remote, ref }: GitReference): string | undefined {
  if (ref !== undefined && isCommit(ref)) return undefined
  return hidePasswords(ref === undefined ? remote : `${remote}#${ref}`)
}

export function urlKey(url: string): string {
  return hidePasswords(url)
}
