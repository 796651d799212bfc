import { constants } from 'node:os'
import { bindLibc, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

const flockCall = bindLibc<[number, number]>('flock', 'int', ['int', 'int'])
const operations = { shared: 1, exclusive: 2, nonBlocking: 4 } as const
const { EWOULDBLOCK, EINTR } = constants.errno

/**
 * Tries to lock the open file, never waits; false when another open file description has it. The kernel frees the
 * lock when the last copy of the descriptor is closed, so also when the holder is killed. Source: flock(2).
 */
export function tryFlock(descriptor: number, mode: 'shared' | 'exclusive', path: string): boolean {
  for (;;) {
    if (flockCall(descriptor, operations[mode] | operations.nonBlocking) === 0) return true
    const number = lastErrno()
    if (number === EWOULDBLOCK) return false
    if (number !== EINTR) throw systemFailure('flock', number, path)
  }
}
