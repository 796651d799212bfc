import { contextMode } from './file-mode.ts'

/** What somebody else's copy of a context has otherwise, though it is the same: nothing of it should matter. */
export interface Checkout {
  /** Nanoseconds that its files are younger; negative: older. */
  readonly age: bigint
  readonly uid: number
  readonly gid: number
  /** The umask that its files were made under. */
  readonly umask: number
}

/** Type and permissions under another umask; bits that no umask explains were set on purpose and stay. */
export function modeUnder(umask: number, mode: number): number {
  const other = mode & ~umask
  return contextMode(other) === contextMode(mode) ? other : mode
}
