import { bindLibc } from './libc.ts'

const pollCall = bindLibc<[Uint8Array, number, number]>('poll', 'int', ['void *', 'uint64_t', 'int'])

const POLLIN = 1

/**
 * Waits until the descriptor can be read or has come to its end, at most so many milliseconds, which this whole thread
 * stands still: a timer of Node's would see it up to two milliseconds late. Source: poll(2).
 */
export function waitReadable(descriptor: number, milliseconds: number): void {
  const wanted = Buffer.alloc(8)
  wanted.writeInt32LE(descriptor)
  wanted.writeInt16LE(POLLIN, 4)
  pollCall(wanted, 1, milliseconds)
}
