import { fromNodeError } from '../../linux/system-failure.ts'
import { isMilleError, messageOf, type ErrorCode, type ErrorKind } from '../../util/errors.ts'
import { json, type PlainResponse } from './response.ts'

const statuses: Readonly<Record<ErrorKind, number>> = {
  'invalid-argument': 400,
  usage: 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  conflict: 409,
  'not-modified': 304,
  unavailable: 503,
  'not-implemented': 501,
  'data-loss': 500,
  internal: 500,
  // nobody is there to read it
  canceled: 499,
}

/** Where Docker answers otherwise than the kind of the error says. */
const exceptions: ReadonlyMap<ErrorCode, number> = new Map([
  ['PORT_IN_USE', 500],
  ['REGISTRY_UNREACHABLE', 500],
])

/** The one place where an error becomes an HTTP status. */
export function statusOf(error: unknown): number {
  return isMilleError(error) ? (exceptions.get(error.code) ?? statuses[error.kind]) : 500
}

export function errorResponse(thrown: unknown): PlainResponse {
  // where cleaning up failed too, what the work itself failed of is the news
  const error = fromNodeError(thrown instanceof SuppressedError ? thrown.suppressed : thrown)
  const status = statusOf(error)
  if (status === 304) return { kind: 'plain', status }
  return json({ message: messageOf(error) }, status)
}
