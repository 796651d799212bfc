import { closeSync, constants } from 'node:fs'
import { constants as system } from 'node:os'
import { tryUnlinkat, unlinkat } from './at.ts'
import { tryOpenat2, resolveFlags } from './openat2.ts'
import { readFolder } from './read-folder.ts'
import { systemFailure } from './system-failure.ts'

const { EISDIR, ENOENT, EPERM } = system.errno

/**
 * Removes `name` in the open folder with everything below it, following no link and crossing no mount (PATH_CROSSES_DEVICE).
 * True when there was something.
 */
export function removeTree(folder: number, name: string): boolean {
  const result = tryUnlinkat(folder, name)
  if (result === 0) return true
  if (result === -ENOENT) return false
  if (result !== -EISDIR && result !== -EPERM) throw systemFailure('unlink', -result, name)
  const descriptor = openChildFolder(folder, name)
  try {
    removeChildren(descriptor)
  } finally {
    closeSync(descriptor)
  }
  unlinkat(folder, name, { directory: true })
  return true
}

/** Empties an open folder (not O_PATH). */
export function removeChildren(folder: number): void {
  for (const entry of readFolder(folder)) removeTree(folder, entry.name)
}

function openChildFolder(folder: number, name: string): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  const resolve = resolveFlags.beneath | resolveFlags.noCrossDevice | resolveFlags.noSymlinks
  const descriptor = tryOpenat2(folder, name, flags, resolve)
  if (descriptor < 0) throw systemFailure('unlink', -descriptor, name)
  return descriptor
}
