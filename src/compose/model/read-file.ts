import { open } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { failure, isMilleError } from '../../util/errors.ts'

/** The text of a file. COMPOSE_FILE_UNREADABLE, whose cause is the system's. */
export type ReadFile = (path: string) => Promise<string>

const largest = 8 * 2 ** 20

/** Reads regular files up to a size, and `-` from the given stream. */
export function fileReader(stdin: Readable): ReadFile {
  let piped: Promise<string> | undefined
  return async (path) => {
    if (path === '-') return await (piped ??= text(stdin))
    try {
      await using file = await open(path, 'r')
      const status = await file.stat()
      if (status.isDirectory()) throw failure('COMPOSE_FILE_UNREADABLE', { path, reason: 'is a directory' })
      if (status.size > largest)
        throw failure('COMPOSE_FILE_UNREADABLE', { path, reason: `larger than ${largest} bytes` })
      return await file.readFile('utf8')
    } catch (cause) {
      if (isMilleError(cause) || !(cause instanceof Error) || !('code' in cause)) throw cause
      throw failure('COMPOSE_FILE_UNREADABLE', { path, reason: reasonOf(String(cause.code)) }, { cause })
    }
  }
}

function reasonOf(code: string): string {
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or directory',
    EACCES: 'permission denied',
    EISDIR: 'is a directory',
    ENOTDIR: 'not a directory',
  }
  return known[code] ?? code
}
