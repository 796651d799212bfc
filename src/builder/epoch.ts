import { failure } from '../util/errors.ts'
import type { BuildRequest } from './build.ts'

/** Seconds that stand for the time in everything a build makes (B87). INVALID_ARGUMENT. */
export function epochOf({ epoch, buildArgs }: BuildRequest): number {
  const given = buildArgs['SOURCE_DATE_EPOCH']
  if (epoch !== undefined) return epoch
  if (given === undefined) return 0
  if (/^\d{1,12}$/.test(given)) return Number(given)
  throw failure('INVALID_ARGUMENT', { reason: `SOURCE_DATE_EPOCH must be whole seconds, not "${given}"` })
}
