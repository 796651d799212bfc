import { closeSync } from 'node:fs'
import { isMilleError } from '../util/errors.ts'
import { openFolder } from './openat2.ts'
import { fileTypes } from './statx.ts'
import { walkTree } from './walk-tree.ts'

/**
 * Bytes allocated to everything below `path`, hard links counted once; 0 when there is no such folder. With `alone` what
 * also has a name elsewhere does not count: it stays when the folder is removed.
 */
export function folderBytes(path: string, { alone = false }: { readonly alone?: boolean } = {}): number {
  let start: number
  try {
    start = openFolder(path)
  } catch (error) {
    if (isMilleError(error, 'PATH_NOT_FOUND')) return 0
    throw error
  }
  const names = new Map<string, number>()
  let bytes = 0
  try {
    for (const { status } of walkTree(start)) {
      const key = `${status.device}:${status.inode}`
      const isFolder = (status.mode & fileTypes.mask) === fileTypes.directory
      const seen = isFolder ? 1 : (names.get(key) ?? 0) + 1
      if (!isFolder && status.links > 1) names.set(key, seen)
      if (seen === (alone && !isFolder ? status.links : 1)) bytes += status.blocks * 512
    }
  } finally {
    closeSync(start)
  }
  return bytes
}
