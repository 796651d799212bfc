import { failure } from '../../util/errors.ts'
import type { Inflater } from '../../util/inflater.ts'

/** Stays in a core's cache while it is hashed and written: with a MiB the write alone costs twice as much. */
const outputSize = 262_144
const format = 'gzip'

/**
 * Inflates gzip members one after the other, synchronously. The chunks given to `sink` are views of one buffer: good
 * until the call returns. Nothing may follow the last member.
 * Throws COMPRESSION_TRUNCATED, COMPRESSION_TRAILING, COMPRESSION_CORRUPT.
 */
export function inflateGzip(
  source: Iterable<Buffer>,
  inflater: Inflater,
  sink: (bytes: Buffer) => void,
): void {
  const output = Buffer.allocUnsafeSlow(outputSize)
  let used = 0
  let taken = 0
  let state: 'start' | 'member' | 'between' = 'start'
  for (const chunk of source) {
    for (let input = chunk; input.length > 0;) {
      if (state === 'between' && input[0] !== 0x1f)
        throw failure('COMPRESSION_TRAILING', { format, bytes: input.length })
      state = 'member'
      for (;;) {
        const step = inflater.push(input, output.subarray(used))
        input = input.subarray(step.consumed)
        taken += step.consumed
        used += step.produced
        const full = used === outputSize
        if (full) {
          sink(output)
          used = 0
        }
        if (step.done) {
          state = 'between'
          break
        }
        if (input.length === 0 && !full) break
      }
    }
  }
  sink(output.subarray(0, used))
  if (state === 'member') throw failure('COMPRESSION_TRUNCATED', { format, bytes: taken })
}
