import { constants } from 'node:os'
import { bindLibc, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

const lseekCall = bindLibc<[number, number, number]>('lseek', 'int64_t', ['int', 'int64_t', 'int'])
const seekData = 3
const seekHole = 4

/** A run of bytes that exist in a sparse file. */
export interface DataRange {
  readonly offset: number
  readonly length: number
}

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

/**
 * The parts of a regular file that are not holes, in order; one range over all of it where the file system cannot
 * tell. Moves the descriptor's position.
 */
export function dataRanges(descriptor: number, size: number, path: string): DataRange[] {
  const ranges: DataRange[] = []
  for (let at = 0; at < size;) {
    const start = lseekCall(descriptor, at, seekData)
    if (start === -1) {
      const number = lastErrno()
      if (number === constants.errno.ENXIO) return ranges
      if (number === constants.errno.EINVAL) return [{ offset: 0, length: size }]
      throw systemFailure('lseek', number, path)
    }
    const end = lseekCall(descriptor, start, seekHole)
    const stop = end === -1 ? size : Math.min(end, size)
    if (stop <= start) return ranges
    ranges.push({ offset: start, length: stop - start })
    at = stop
  }
  return ranges
}
