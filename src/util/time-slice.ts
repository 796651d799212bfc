import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Lets long synchronous work breathe: call `pause()` between its pieces. It returns at once until `milliseconds` have
 * passed since the last turn of the event loop, then waits for the next turn. Throws the signal's reason when aborted.
 */
export interface TimeSlice {
  pause(): Promise<void> | undefined
}

export function timeSlice(signal?: AbortSignal, milliseconds: number = 8): TimeSlice {
  let until = performance.now() + milliseconds
  let calls = 0
  return {
    pause() {
      calls += 1
      // reading the clock costs more than many of the pieces
      if ((calls & 15) !== 0 || performance.now() < until) return undefined
      signal?.throwIfAborted()
      return nextTurn().then(() => {
        until = performance.now() + milliseconds
      })
    },
  }
}
