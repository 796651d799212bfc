import { closeSync, fstatSync, readSync } from 'node:fs'
import { openFileInRoot } from '../linux/open-in-root.ts'
import { failure } from '../util/errors.ts'

/** Numeric identity of a process, as the OCI runtime spec wants it. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** Exactly the supplementary groups, the primary one included. */
  readonly groups: readonly number[]
  readonly home: string
}

interface PasswdLine {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

interface GroupLine {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/** Docker's bound: ids above it wrap to root in some kernels' 32-bit interfaces (CVE-2024-40635). */
const MAX_ID = 2 ** 31 - 1
/** A hostile passwd file must not fill memory. */
const MAX_FILE = 10 * 1024 * 1024

function readInRoot(rootfs: string, path: string): string {
  const fd = openFileInRoot(rootfs, path)
  if (fd === undefined) return ''
  try {
    if (fstatSync(fd).size > MAX_FILE) throw failure('ROOTFS_FILE_TOO_LARGE', { path, limit: MAX_FILE })
    const buffer = Buffer.alloc(fstatSync(fd).size)
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0))
  } finally {
    closeSync(fd)
  }
}

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id <= MAX_ID ? id : undefined
}

function parsePasswd(text: string): PasswdLine[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uidText, gidText, , home = ''] = line.split(':')
    const uid = parseId(uidText)
    const gid = parseId(gidText)
    return name === '' || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }]
  })
}

function parseGroups(text: string): GroupLine[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gidText, members = ''] = line.split(':')
    const gid = parseId(gidText)
    return name === '' || gid === undefined ? [] : [{ name, gid, members: members.split(',') }]
  })
}

/** Digits are always a number, never a name that looks like one; a number out of range is refused, not wrapped. */
function numberOf(part: string, whole: string): number | undefined {
  if (!/^[+-]?\d+$/.test(part)) return undefined
  const id = parseId(part)
  if (id === undefined) throw failure('USER_INVALID', { user: whole, limit: MAX_ID })
  return id
}

/**
 * Looks up Docker's `USER` form (`user`, `uid`, `user:group`, `uid:gid`; empty is root) in `/etc/passwd` and
 * `/etc/group` below `rootfs`. With an explicit group that group is the only one, as in Docker, but for those of
 * `groupAdd`, names or numbers. Errors: USER_INVALID, USER_NOT_FOUND, GROUP_NOT_FOUND, ROOTFS_FILE_TOO_LARGE.
 */
export function resolveUser(rootfs: string, user: string, groupAdd: readonly string[] = []): ResolvedUser {
  const found = lookUp(rootfs, user)
  const added = groupAdd.map((group) => numberOf(group, group) ?? findGroup(rootfs, group))
  return { ...found, groups: [...new Set([...found.groups, ...added])] }
}

function lookUp(rootfs: string, user: string): ResolvedUser {
  const separator = user.indexOf(':')
  const userPart = (separator < 0 ? user : user.slice(0, separator)) || '0'
  const groupPart = separator < 0 ? '' : user.slice(separator + 1)
  if (/[\x00-\x1f\x7f]/.test(user)) throw failure('USER_INVALID', { user, limit: MAX_ID })

  const number = numberOf(userPart, user)
  const lines = parsePasswd(readInRoot(rootfs, '/etc/passwd'))
  const entry = lines.find((line) => (number === undefined ? line.name === userPart : line.uid === number))
  const uid = number ?? entry?.uid
  if (uid === undefined) throw failure('USER_NOT_FOUND', { user: userPart })
  const home = entry?.home || '/'

  if (groupPart !== '') {
    const gid = numberOf(groupPart, user) ?? findGroup(rootfs, groupPart)
    return { uid, gid, groups: [gid], home }
  }
  const gid = entry?.gid ?? 0
  const member = entry?.name
  const others =
    member === undefined
      ? []
      : parseGroups(readInRoot(rootfs, '/etc/group')).filter(({ members }) => members.includes(member))
  return { uid, gid, groups: [...new Set([gid, ...others.map((group) => group.gid)])], home }
}

function findGroup(rootfs: string, name: string): number {
  const group = parseGroups(readInRoot(rootfs, '/etc/group')).find((line) => line.name === name)
  if (group === undefined) throw failure('GROUP_NOT_FOUND', { group: name })
  return group.gid
}
