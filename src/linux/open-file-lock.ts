import { constants } from 'node:os'
import { bindLibc, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

const control = bindLibc<[number, number, Uint8Array]>('fcntl', 'int', ['int', 'int', 'void *'])
const F_OFD_SETLK = 37
const kinds = { shared: 0, exclusive: 1, none: 2 } as const
const { EAGAIN, EACCES } = constants.errno

/**
 * Tries to lock one byte of the open file, never waits; false when others have it. The lock belongs to the open file
 * description, ends when that is closed, and counts against POSIX locks, those of this process included. An own lock of
 * another kind is changed in one step, to `none` always. Source: fcntl(2), F_OFD_SETLK.
 */
export function tryLockByte(
  descriptor: number,
  kind: keyof typeof kinds,
  offset: number,
  path: string,
): boolean {
  // struct flock of 64-bit Linux: type, whence, padding, start, length, pid (0), padding
  const lock = Buffer.alloc(32)
  lock.writeInt16LE(kinds[kind], 0)
  lock.writeBigInt64LE(BigInt(offset), 8)
  lock.writeBigInt64LE(1n, 16)
  if (control(descriptor, F_OFD_SETLK, lock) === 0) return true
  const number = lastErrno()
  if (number === EAGAIN || number === EACCES) return false
  throw systemFailure('fcntl', number, path)
}
