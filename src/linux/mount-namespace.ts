import { closeSync, openSync } from 'node:fs'
import { bindLibc, bindSyscall, cPath } from './libc.ts'
import { mount, mountFlags } from './mount.ts'
import { check } from './system-failure.ts'

const CLONE_NEWNS = 0x20000
const currentFolder = -100
const openTreeClone = 1
const openTreeCloseOnExec = 0o2000000

type CPath = string | Uint8Array
const unshareCall = bindLibc<[number]>('unshare', 'int', ['int'])
const setnsCall = bindLibc<[number, number]>('setns', 'int', ['int', 'int'])
const fchdirCall = bindLibc<[number]>('fchdir', 'int', ['int'])
const chrootCall = bindLibc<[CPath]>('chroot', 'int', ['const char *'])
const openTreeCall = bindSyscall<[number, CPath, number]>(428, ['int', 'const char *', 'uint'])
/**
 * A mount namespace like this one, in which `prepare` mounts and covers what it likes; mounts of the host still reach it.
 * Returns a descriptor that keeps it alive, for `nsenter --mount=/proc/PID/fd/N`. This thread is inside for a moment; what
 * `prepare` does must be synchronous. Needs CAP_SYS_ADMIN. Source: mount_namespaces(7), setns(2).
 */
export function createMountNamespace(prepare: () => void): number {
  const home = openSync('/proc/thread-self/ns/mnt', 'r')
  const root = openSync('/', 'r')
  const folder = openSync('.', 'r')
  try {
    check(unshareCall(CLONE_NEWNS), 'unshare', '/proc/thread-self/ns/mnt')
    try {
      mount({ source: 'none', target: '/', flags: mountFlags.recursive | mountFlags.slave })
      prepare()
      return openSync('/proc/thread-self/ns/mnt', 'r')
    } finally {
      goHome(home, root, folder)
    }
  } finally {
    for (const descriptor of [home, root, folder]) closeSync(descriptor)
  }
}

/** setns(2) leaves a thread in the namespace's own root: a chroot that this process lives in must not be lost by that. */
function goHome(home: number, root: number, folder: number): void {
  const isHome =
    setnsCall(home, CLONE_NEWNS) === 0 &&
    fchdirCall(root) === 0 &&
    chrootCall(cPath('.')) === 0 &&
    fchdirCall(folder) === 0
  // in a foreign namespace all later paths of this process would mean something else
  if (!isHome) process.abort()
}

/** A copy of the mount on `path` that is nowhere yet; to be put somewhere by `attachMount`. Source: open_tree(2). */
export function copyMount(path: string): number {
  return check(
    openTreeCall(currentFolder, cPath(path), openTreeClone | openTreeCloseOnExec),
    'open_tree',
    path,
  )
}
