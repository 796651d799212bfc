import { closeSync, openSync } from 'node:fs'
import { bindLibc, bindSyscall, cPath } from './libc.ts'
import { check } from './system-failure.ts'

type CPath = string | Uint8Array
const chrootCall = bindLibc<[CPath]>('chroot', 'int', ['const char *'])
const chdirCall = bindLibc<[CPath]>('chdir', 'int', ['const char *'])
const fchdirCall = bindLibc<[number]>('fchdir', 'int', ['int'])

/**
 * The library's own functions of these names change all threads; the calls themselves only the one that makes them.
 * Source: nptl(7), "NPTL and process credential changes".
 */
const numbers =
  process.arch === 'arm64'
    ? { setgroups: 159, setresgid: 149, setresuid: 147 }
    : { setgroups: 116, setresgid: 119, setresuid: 117 }
const setgroupsCall = bindSyscall<[number, Uint8Array]>(numbers.setgroups, ['int', 'void *'])
const setresgidCall = bindSyscall<[number, number, number]>(numbers.setresgid, ['uint', 'uint', 'uint'])
const setresuidCall = bindSyscall<[number, number, number]>(numbers.setresuid, ['uint', 'uint', 'uint'])

export interface RootPlace {
  /** The folder that is to be `/`. */
  readonly root: string
  /** As seen from inside. */
  readonly cwd: string
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

/**
 * Runs `use` with another root folder, working folder and identity, and comes back. Only programs started in it stay there:
 * what `use` does must be synchronous, and nothing else of this process may use paths meanwhile, as all its threads have the
 * same root. Needs CAP_SYS_CHROOT, CAP_SETUID and CAP_SETGID. Source: chroot(2), credentials(7).
 */
export function insideRoot<Result>({ root, cwd, uid, gid, groups }: RootPlace, use: () => Result): Result {
  const home = openSync('/', 'r')
  const folder = openSync('.', 'r')
  const ownGroups = process.getgroups?.() ?? []
  try {
    check(chdirCall(cPath(root)), 'chdir', root)
    check(chrootCall('.'), 'chroot', root)
    try {
      check(chdirCall(cPath(cwd)), 'chdir', cwd)
      setGroups(groups)
      // root stays the saved user, so that there is a way back; a program that is started loses it (execve(2))
      check(setresgidCall(gid, gid, 0), 'setresgid', String(gid))
      check(setresuidCall(uid, uid, 0), 'setresuid', String(uid))
      return use()
    } finally {
      goHome(home, folder, ownGroups)
    }
  } finally {
    closeSync(home)
    closeSync(folder)
  }
}

function setGroups(groups: readonly number[]): void {
  const list = Buffer.alloc(4 * Math.max(1, groups.length))
  for (const [index, group] of groups.entries()) list.writeUInt32LE(group, index * 4)
  check(setgroupsCall(groups.length, list), 'setgroups', groups.join(','))
}

function goHome(home: number, folder: number, groups: readonly number[]): void {
  const isHome =
    setresuidCall(0, 0, 0) === 0 &&
    setresgidCall(0, 0, 0) === 0 &&
    fchdirCall(home) === 0 &&
    chrootCall('.') === 0 &&
    fchdirCall(folder) === 0
  // in there all later paths of this process would mean something else
  if (!isHome) process.abort()
  setGroups(groups)
}
