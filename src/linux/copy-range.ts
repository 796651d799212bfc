import { readSync, writeSync } from 'node:fs'
import { bindLibc } from './libc.ts'
import { fromNodeError } from './system-failure.ts'

const copyFileRangeCall = bindLibc<[number, Uint8Array | null, number, Uint8Array | null, number, number]>(
  'copy_file_range',
  'int64_t',
  ['int', 'void *', 'int', 'void *', 'uint64_t', 'uint'],
)
export interface CopyRange {
  readonly from: number
  readonly to: number
  /** Offset in `from`, bytes. */
  readonly offset: number
  /** Offset in `to`, bytes; the same as `offset` when absent. */
  readonly toOffset?: number
  readonly length: number
}

const source = Buffer.alloc(8)
const destination = Buffer.alloc(8)
const smallFile = 65536
let buffer: Buffer | undefined

/**
 * Copies bytes between two files: small ones through memory, large ones inside the kernel (by reference where the
 * file system can). Positions of the descriptors do not matter. Returns the bytes copied: less than `length` only
 * when `from` ended before.
 */
export function copyRange(range: CopyRange): number {
  const { from, to, offset, toOffset = offset, length } = range
  if (length <= smallFile) return copyThroughMemory(range, 0)
  let done = 0
  while (done < length) {
    source.writeBigInt64LE(BigInt(offset + done))
    destination.writeBigInt64LE(BigInt(toOffset + done))
    const count = copyFileRangeCall(from, source, to, destination, Math.min(length - done, 0x4000_0000), 0)
    // not between these two file systems, or the end of `from`: reading tells
    if (count <= 0) return copyThroughMemory(range, done)
    done += count
  }
  return done
}

function copyThroughMemory(
  { from, to, offset, toOffset = offset, length }: CopyRange,
  start: number,
): number {
  buffer ??= Buffer.allocUnsafeSlow(1_048_576)
  let done = start
  while (done < length) {
    const count = readFrom(from, buffer, Math.min(length - done, buffer.length), offset + done)
    if (count === 0) return done
    writeAll(to, buffer, count, toOffset + done)
    done += count
  }
  return done
}

function readFrom(from: number, into: Buffer, length: number, offset: number): number {
  try {
    return readSync(from, into, 0, length, offset)
  } catch (error) {
    throw fromNodeError(error)
  }
}

function writeAll(to: number, bytes: Buffer, length: number, offset: number): void {
  try {
    for (let done = 0; done < length;) done += writeSync(to, bytes, done, length - done, offset + done)
  } catch (error) {
    throw fromNodeError(error)
  }
}
