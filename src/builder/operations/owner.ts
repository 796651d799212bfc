import { failure } from '../../util/errors.ts'
import type { LowerRoot } from './lower-root.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

const root: Owner = { uid: 0, gid: 0 }

/**
 * `--chown user[:group]` (B38): numbers are taken as they are, names looked up in the image's own passwd and group.
 * No user is root. A user without a group: a number is its own group, a name has the group of its passwd line.
 * Errors: USER_NOT_FOUND, GROUP_NOT_FOUND.
 */
export function resolveOwner(lower: LowerRoot, text: string): Owner {
  const [user = '', group] = text.split(':', 2)
  const entry =
    user === '' ? root : /^\d+$/.test(user) ? { uid: Number(user), gid: Number(user) } : findUser(lower, user)
  return { uid: entry.uid, gid: group === undefined || group === '' ? entry.gid : findGroup(lower, group) }
}

function findUser(lower: LowerRoot, user: string): Owner {
  for (const [name, , uid = '', gid = ''] of lines(lower, 'etc/passwd')) {
    if (name === user && /^\d{1,10}$/.test(uid) && /^\d{1,10}$/.test(gid)) {
      return { uid: Number(uid), gid: Number(gid) }
    }
  }
  throw failure('USER_NOT_FOUND', { user })
}

function findGroup(lower: LowerRoot, group: string): number {
  if (/^\d+$/.test(group)) return Number(group)
  for (const [name, , gid = ''] of lines(lower, 'etc/group')) {
    if (name === group && /^\d{1,10}$/.test(gid)) return Number(gid)
  }
  throw failure('GROUP_NOT_FOUND', { group })
}

function lines(lower: LowerRoot, path: string): string[][] {
  return lower
    .readText(path)
    .split('\n')
    .map((line) => line.split(':'))
}
