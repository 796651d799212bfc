import { closeSync, constants } from 'node:fs'
import { posix } from 'node:path'
import { currentFolder, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { removeTree } from '../../linux/remove-tree.ts'

const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/**
 * Removes files of secrets, named by their paths below the root, for a step whose builder died. Nothing of the step may run
 * any more. What is gone already is fine.
 */
export function eraseSecrets(rootfs: string, paths: readonly string[]): void {
  const root = tryOpenat2(currentFolder, rootfs, flags, 0)
  if (root < 0) return
  try {
    for (const path of paths) erase(root, path)
  } finally {
    closeSync(root)
  }
}

/** Through no link: the step may have put one to a folder outside where the place was (CVE-2024-23652). */
function erase(root: number, path: string): void {
  const folder = tryOpenat2(root, posix.dirname(path), flags, resolveFlags.beneath | resolveFlags.noSymlinks)
  if (folder < 0) return
  try {
    removeTree(folder, posix.basename(path))
  } finally {
    closeSync(folder)
  }
}
