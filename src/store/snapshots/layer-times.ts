import type { CommitOptions } from '../snapshotter.ts'

/** 1980-01-01: the first time that every archive format can hold. */
const defaultEpoch = 315_532_800

/** File times come from the kernel's coarse clock, which is up to one timer tick (10 ms) behind the clock of `since`. */
const clockSlack = 20_000_000n

/** Nanoseconds. */
export function constantTime({ epoch = defaultEpoch }: CommitOptions): bigint {
  return BigInt(epoch) * 1_000_000_000n
}

/**
 * The time that a layer carries for an object last changed at a given time (nanoseconds): what the step itself made
 * or changed gets the constant epoch, so that the same step gives the same digest; what is older keeps its time.
 */
export function layerTime(options: CommitOptions): (mtime: bigint) => bigint {
  if (options.timestamps === 'preserve') return (mtime) => mtime
  const since = options.since === undefined ? undefined : options.since - clockSlack
  const epoch = constantTime(options)
  return (mtime) => (since === undefined || mtime >= since ? epoch : mtime)
}
