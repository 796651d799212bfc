import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes a small file of exactly that mode: the mode that Node takes goes through the umask of this process. */
export function writeFileWithMode(path: string, content: string, mode: number): void {
  writeFileSync(path, content, { mode })
  chmodSync(path, mode)
}

/** Makes a folder and its parents where they are missing, all of exactly that mode, whatever the umask. */
export function makeFoldersWithMode(path: string, mode: number): void {
  const first = mkdirSync(path, { recursive: true, mode })
  if (first === undefined) return
  for (let folder = path; ; folder = dirname(folder)) {
    chmodSync(folder, mode)
    if (folder === first || folder === dirname(folder)) return
  }
}
