import { constants } from 'node:os'
import { bindLibc, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

const lseekCall = bindLibc<[number, number, number]>('lseek', 'int64_t', ['int', 'int64_t', 'int'])
const seekData = 3

/**
 * Where the next byte that exists lies, from `from` on; `from` itself at the end of the file, and where the file system
 * cannot tell.
 */
export function nextData(descriptor: number, from: number, path: string): number {
  const start = lseekCall(descriptor, from, seekData)
  if (start !== -1) return start
  const number = lastErrno()
  if (number === constants.errno.ENXIO || number === constants.errno.EINVAL) return from
  throw systemFailure('lseek', number, path)
}
