import { isMilleError } from '../util/errors.ts'
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
