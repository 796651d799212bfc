import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { isMilleError } from '../util/errors.ts'
import { currentFolder, openat2, openFlags, resolveFlags } from './openat2.ts'

/**
 * Opens `path` as a process that has `root` as its root folder would find it: links, also absolute ones, and `..`
 * stay inside. The descriptor is O_PATH: good for fstat and `/proc/self/fd`; nothing was read, no fifo waited for,
 * no device woken. The caller closes it. Errors: PATH_NOT_FOUND and the other PATH codes.
 */
export function openPathInRoot(root: string, path: string): number {
  const top = openat2(currentFolder, root, openFlags.path | constants.O_DIRECTORY, 0)
  try {
    return openat2(top, path, openFlags.path, resolveFlags.inRoot | resolveFlags.noMagicLinks)
  } finally {
    closeSync(top)
  }
}

/**
 * Opens a regular file inside `root` for reading; undefined when it is missing or anything but a regular file
 * (fifo, device, folder: reading those could block for ever). The caller closes it.
 */
export function openFileInRoot(root: string, path: string): number | undefined {
  let handle: number
  try {
    handle = openPathInRoot(root, path)
  } catch (error) {
    if (isMilleError(error, 'PATH_NOT_FOUND', 'PATH_NOT_DIRECTORY', 'PATH_LOOP', 'PATH_TOO_LONG'))
      return undefined
    throw error
  }
  try {
    // the very inode that was checked is opened again, not its name
    return fstatSync(handle).isFile() ? openSync(`/proc/self/fd/${handle}`, 'r') : undefined
  } finally {
    closeSync(handle)
  }
}
