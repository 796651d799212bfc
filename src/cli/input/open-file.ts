import { type FileHandle, open } from 'node:fs/promises'
import { failure, isMilleError } from '../../util/errors.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
}

/** Opens a file that the user named; CLI_OPEN_FILE with the reason in words. */
export async function openFile(path: string, flags: 'r' | 'wx' | 'w' = 'r'): Promise<FileHandle> {
  try {
    return await open(path, flags)
  } catch (cause) {
    throw fileFailure(path, cause)
  }
}

/** The error of a file operation as one line for the user; anything but a system error is handed on. */
export function fileFailure(path: string, cause: unknown): unknown {
  if (isMilleError(cause)) return cause
  const code =
    cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  if (code === undefined) return cause
  return failure('CLI_OPEN_FILE', { path, reason: reasons[code] ?? code }, { cause })
}
