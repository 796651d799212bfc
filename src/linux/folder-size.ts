import { closeSync } from 'node:fs'
import { isMilleError } from '../util/errors.ts'
import { openFolder } from './openat2.ts'
import { walkTree } from './walk-tree.ts'

/** Bytes allocated to everything below `path`, hard links counted once; 0 when there is no such folder. */
export function folderBytes(path: string): number {
  let start: number
  try {
    start = openFolder(path)
  } catch (error) {
    if (isMilleError(error, 'PATH_NOT_FOUND')) return 0
    throw error
  }
  const seen = new Set<string>()
  let bytes = 0
  try {
    for (const { status } of walkTree(start)) {
      const key = `${status.device}:${status.inode}`
      if (status.links > 1 && seen.has(key)) continue
      seen.add(key)
      bytes += status.blocks * 512
    }
  } finally {
    closeSync(start)
  }
  return bytes
}
