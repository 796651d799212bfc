import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder that a user named, and its parents; fine when it is there. Unlike Node's `recursive: true`, which
 * tries for ever where a parent exists and the kernel still says ENOENT (`/proc/x`). Throws the system's error.
 */
export function makeFolders(path: string, mode: number = 0o777): void {
  const whole = resolve(path)
  const missing: string[] = []
  for (let folder = whole; !tryMake(folder, mode, missing.length === 0); folder = dirname(folder)) {
    if (dirname(folder) === folder) break
    missing.push(folder)
  }
  for (const folder of missing.toReversed()) mkdirSync(folder, { mode })
}

/** False when the parent is missing. A parent that exists already is not an error; a file in its place is. */
function tryMake(folder: string, mode: number, isLast: boolean): boolean {
  try {
    mkdirSync(folder, { mode })
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    if (code === 'EEXIST' && (!isLast || isFolder(folder))) return true
    throw error
  }
}

function isFolder(path: string): boolean {
  return statSync(path).isDirectory()
}
