import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { readIfThere } from '../util/read-text.ts'

/** What an ordinary user's namespace needs. */
export interface NamespaceFacts {
  /** Does the kernel make user namespaces for this user? */
  readonly areAllowed: boolean
  /** Are the programs there that map subordinate ids? */
  readonly hasPrograms: boolean
  /** Has the user any? */
  readonly hasIds: boolean
}

/** Looked up when the namespace could not be made. */
export function namespaceFacts(): NamespaceFacts {
  return {
    areAllowed: spawnSync('/usr/bin/unshare', ['--user', '/bin/true'], { stdio: 'ignore' }).status === 0,
    hasPrograms: ['newuidmap', 'newgidmap'].every((name) => existsSync(`/usr/bin/${name}`)),
    hasIds: ['/etc/subuid', '/etc/subgid'].every(hasLine),
  }
}

/** Source: subuid(5); a user is named by login or number. */
function hasLine(path: string): boolean {
  const names = [String(process.getuid?.() ?? 0), loginName()]
  return readIfThere(path)
    .split('\n')
    .some((line) => names.includes(line.split(':', 1)[0] ?? ''))
}

function loginName(): string | undefined {
  try {
    return userInfo().username
  } catch {
    // a number without a line in /etc/passwd
    return undefined
  }
}

/** What to do, the first thing first. */
export function namespaceAdvice({ areAllowed, hasPrograms, hasIds }: NamespaceFacts): string {
  if (!areAllowed)
    return 'user namespaces are refused: by a setting of this machine (user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or by the container around, as whose root mille can build without them'
  if (!hasPrograms) return 'install the Debian package uidmap (newuidmap and newgidmap)'
  if (!hasIds)
    return 'have an administrator give you subordinate ids: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)'
  return 'newuidmap and newgidmap must be setuid root, and your subordinate ids at least 65536'
}
