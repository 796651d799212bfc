import { closeSync, mkdirSync, openSync, readdirSync, statfsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMilleError } from '../util/errors.ts'
import { tryFlock } from './flock.ts'
import { mountFileSystem, type MountOption } from './mount-file-system.ts'
import { mount, mountFlags } from './mount.ts'

/**
 * Mounts an empty file system that lives in memory on the folder `target`, for what must never be on a disk: it is not
 * swapped out where the kernel can promise that (6.4 and later), nor seen in other mount namespaces.
 */
export function mountMemoryFolder(target: string): void {
  const options: MountOption[] = [
    { key: 'source', value: 'mille' },
    { key: 'mode', value: '0700' },
  ]
  try {
    mountFileSystem({ type: 'tmpfs', target, options: [...options, { key: 'noswap' }] })
  } catch (error) {
    if (!isMilleError(error, 'SYSTEM_CALL_FAILED')) throw error
    mountFileSystem({ type: 'tmpfs', target, options })
  }
  mount({ source: 'none', target, flags: mountFlags.private })
}

const tmpfsMagic = 0x01021994

/**
 * Has what is written into the folder live in memory, also where nobody mounted such a file system yet: a reboot must end
 * it, and no disk's journal is to be waited for. A folder that is in use stays as it is. Errors: PATH_PERMISSION, or Node's.
 */
export async function keepInMemory(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (isInMemory(folder) || isUsed(folder)) return
  const below = openSync(folder, 'r')
  try {
    // of several processes one mounts: a second mount would hide what the first one's process wrote
    while (!tryFlock(below, 'exclusive', folder)) await sleep(1)
    if (isInMemory(folder) || isUsed(folder)) return
    const flags = mountFlags.noSuid | mountFlags.noDev | mountFlags.noExec
    mount({ source: 'mille', target: folder, type: 'tmpfs', flags, data: 'mode=700' })
  } finally {
    closeSync(below)
  }
}

function isUsed(folder: string): boolean {
  return readdirSync(folder).length > 0
}

function isInMemory(folder: string): boolean {
  return statfsSync(folder).type === tmpfsMagic
}
