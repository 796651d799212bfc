import { readFileSync } from 'node:fs'

/**
 * A whole file as UTF-8 text. Node's own `readFileSync(path, 'utf8')` (24.21) writes past its buffer when a file without
 * a size comes in pieces, as a long /proc/self/mountinfo does: the process dies later, of a broken heap.
 */
export function readText(path: string | URL | number): string {
  return readFileSync(path).toString()
}

/** As `readText`; empty when the file is not there or cannot be read, as those of a process that has ended. */
export function readIfThere(path: string): string {
  try {
    return readText(path)
  } catch {
    return ''
  }
}
