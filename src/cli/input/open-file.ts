import { type FileHandle, open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { reasonOf } from '../../linux/system-failure.ts'
import { failure, isMilleError } from '../../util/errors.ts'

/** Opens a file that the user named; CLI_OPEN_FILE with the reason in words, also for a folder. */
export async function openFile(path: string, flags: 'r' | 'wx' | 'w' = 'r'): Promise<FileHandle> {
  const file = await open(path, flags).catch((cause: unknown) => {
    throw fileFailure(path, cause)
  })
  // a folder opens for reading like a file, and fails at the first read, where its name is not known any more
  if (!(await file.stat()).isDirectory()) return file
  await file.close()
  throw failure('CLI_OPEN_FILE', { path, reason: 'is a directory' })
}

/** The bytes of a big file that the user named, in pieces that make few calls and still fit a processor's cache. */
export async function readBigFile(path: string): Promise<Readable> {
  return (await openFile(path)).createReadStream({ highWaterMark: 262_144 })
}

/** The error of a file operation as one line for the user; anything but a system error is handed on. */
export function fileFailure(path: string, cause: unknown): unknown {
  if (isMilleError(cause) || !(cause instanceof Error) || !('errno' in cause)) return cause
  const { errno } = cause
  if (typeof errno !== 'number' || errno >= 0) return cause
  return failure('CLI_OPEN_FILE', { path, reason: reasonOf(-errno) }, { cause })
}
