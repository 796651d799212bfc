import { bindLibc, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

const copyFileRangeCall = bindLibc<[number, Uint8Array | null, number, Uint8Array | null, number, number]>(
  'copy_file_range',
  'int64_t',
  ['int', 'void *', 'int', 'void *', 'uint64_t', 'uint'],
)
const sendfileCall = bindLibc<[number, number, Uint8Array | null, number]>('sendfile', 'int64_t', [
  'int',
  'int',
  'void *',
  'uint64_t',
])

export interface CopyRange {
  readonly from: number
  readonly to: number
  /** Offset in `from`, bytes; `to` is written at its current position. */
  readonly offset: number
  readonly length: number
}

const position = Buffer.alloc(8)

/**
 * Copies bytes between two files inside the kernel: by reference where the file system can (copy_file_range), else by
 * sendfile. Returns the bytes copied: less than `length` only when `from` ended before.
 */
export function copyRange({ from, to, offset, length }: CopyRange): number {
  let done = 0
  let byReference = true
  while (done < length) {
    position.writeBigInt64LE(BigInt(offset + done))
    const rest = Math.min(length - done, 0x4000_0000)
    const count = byReference
      ? copyFileRangeCall(from, position, to, null, rest, 0)
      : sendfileCall(to, from, position, rest)
    if (count > 0) done += count
    else if (count === 0 && !byReference) return done
    else if (byReference) byReference = false
    else throw systemFailure('copy', lastErrno(), '')
  }
  return done
}
