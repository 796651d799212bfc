import { failure, type MilleError } from '../util/errors.ts'

/** LAYER_TAR_MALFORMED at an absolute position of the tar. */
export function malformed(offset: number, reason: string): MilleError {
  return failure('LAYER_TAR_MALFORMED', { offset, reason })
}

/** LAYER_LIMIT: `what` is how the limit is called in messages. */
export function overLimit(what: string, found: number | bigint, limit: number): MilleError {
  return failure('LAYER_LIMIT', { what, found, limit })
}
