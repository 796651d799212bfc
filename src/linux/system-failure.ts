import { constants } from 'node:os'
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import type { ErrorCode, MilleError } from '../util/errors.ts'
import { failure, isMilleError } from '../util/errors.ts'
import { lastErrno } from './libc.ts'

const { errno } = constants

/** Error numbers that callers decide by; every other one is SYSTEM_CALL_FAILED. */
const codes: ReadonlyMap<number, SystemCode> = new Map([
  [errno.ENOENT, 'PATH_NOT_FOUND'],
  [errno.EEXIST, 'PATH_EXISTS'],
  [errno.ENOTDIR, 'PATH_NOT_DIRECTORY'],
  [errno.EISDIR, 'PATH_IS_DIRECTORY'],
  [errno.ENOTEMPTY, 'PATH_NOT_EMPTY'],
  [errno.ELOOP, 'PATH_LOOP'],
  [errno.ENAMETOOLONG, 'PATH_TOO_LONG'],
  [errno.EXDEV, 'PATH_CROSSES_DEVICE'],
  [errno.EPERM, 'PATH_PERMISSION'],
  [errno.EACCES, 'PATH_PERMISSION'],
  [errno.ENOSPC, 'NO_SPACE'],
  [errno.EDQUOT, 'NO_SPACE'],
  [errno.EROFS, 'READ_ONLY_FILE_SYSTEM'],
  [errno.EBUSY, 'PATH_BUSY'],
  [errno.EMFILE, 'TOO_MANY_OPEN_FILES'],
  [errno.ENFILE, 'TOO_MANY_OPEN_FILES'],
])

type SystemCode = Extract<
  ErrorCode,
  `PATH_${string}` | 'NO_SPACE' | 'READ_ONLY_FILE_SYSTEM' | 'SYSTEM_CALL_FAILED' | 'TOO_MANY_OPEN_FILES'
>

/** The error for error number `number` (positive) of `call` on `path`; `details.errno` holds its name (`ENOENT`). */
export function systemFailure(call: string, number: number, path: string, cause?: unknown): MilleError {
  const reason = reasonOf(number) + ownHint(number)
  const details = { errno: getSystemErrorName(-number), call, path }
  return failure(codes.get(number) ?? 'SYSTEM_CALL_FAILED', { call, path, reason }, { details, cause })
}

/** To whom the kernel said no: most of what a user may not do, root may. */
function ownHint(number: number): string {
  const user = process.getuid?.()
  const isRefused = number === errno.EPERM || number === errno.EACCES
  return isRefused && user !== 0 ? ` (as user ${user}; root may)` : ''
}

/** An error number (positive) in the C library's words, which Docker and the shell use; Node's differ for these two. */
export function reasonOf(number: number): string {
  if (number === errno.EISDIR) return 'is a directory'
  if (number === errno.EEXIST) return 'file exists'
  return getSystemErrorMessage(-number) ?? `error ${String(number)}`
}

/** Passes a result through; throws for -1. Must directly follow the call, before anything else can change errno. */
export function check(result: number, call: string, path: string): number {
  if (result === -1) throw systemFailure(call, lastErrno(), path)
  return result
}

/** A Node `fs` error (which carries errno and path) as MilleError; anything else comes back unchanged. */
export function fromNodeError(error: unknown, path?: string): unknown {
  if (isMilleError(error) || !(error instanceof Error) || !('errno' in error)) return error
  const { errno: number, syscall, path: known } = error as NodeJS.ErrnoException
  if (typeof number !== 'number' || number >= 0) return error
  // an error of a descriptor names no path
  return systemFailure(syscall ?? 'open', -number, path ?? known ?? 'a file', error)
}
