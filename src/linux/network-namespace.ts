import { closeSync, openSync, statfsSync, unlinkSync } from 'node:fs'
import { bindLibc } from './libc.ts'
import { mount, mountFlags, unmount, unmountFlags } from './mount.ts'
import { check } from './system-failure.ts'

const CLONE_NEWNET = 0x40000000
const NSFS_MAGIC = 0x6e736673

const unshareCall = bindLibc<[number]>('unshare', 'int', ['int'])
const setnsCall = bindLibc<[number, number]>('setns', 'int', ['int', 'int'])

/**
 * Makes a network namespace that lives as long as the file `path`, as `ip netns add` does, without starting a program
 * (network_namespaces(7), setns(2)). This thread is inside it for a moment and does nothing else there.
 */
export function createNetworkNamespace(path: string): void {
  closeSync(openSync(path, 'wx', 0o600))
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    check(unshareCall(CLONE_NEWNET), 'unshare', path)
    try {
      mount({ source: '/proc/thread-self/ns/net', target: path, flags: mountFlags.bind })
    } finally {
      // in a foreign namespace this process would go on with no network, or a container's
      if (setnsCall(home, CLONE_NEWNET) !== 0) process.abort()
    }
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(home)
  }
}

/** Is a namespace mounted on `path`? After a reboot only the empty file is left. */
export function isNetworkNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC
  } catch {
    return false
  }
}

/** Takes the name away; the namespace ends when its last process has. No-op when it is gone. */
export function removeNetworkNamespace(path: string): void {
  if (isNetworkNamespace(path)) unmount(path, unmountFlags.detach)
  try {
    unlinkSync(path)
  } catch {
    // somebody else was faster
  }
}
