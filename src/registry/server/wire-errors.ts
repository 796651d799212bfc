import { failure, isMilleError } from '../../util/errors.ts'
import type { ErrorCode, MilleError } from '../../util/errors.ts'
import { jsonAnswer } from './answer.ts'
import type { Answer } from './answer.ts'

/** Status and code of each error. Source: OCI distribution-spec 1.1, "Error Codes"; codes beyond it are Docker's. */
const wireErrors: ReadonlyMap<ErrorCode, readonly [status: number, code: string]> = new Map([
  ['BLOB_UNKNOWN', [404, 'BLOB_UNKNOWN']],
  ['BLOB_UPLOAD_UNKNOWN', [404, 'BLOB_UPLOAD_UNKNOWN']],
  ['DESCRIPTION_TOO_LONG', [413, 'SIZE_INVALID']],
  ['DIGEST_INVALID', [400, 'DIGEST_INVALID']],
  ['INVALID_ARGUMENT', [400, 'UNSUPPORTED']],
  ['MANIFEST_AMBIGUOUS', [400, 'MANIFEST_INVALID']],
  ['MANIFEST_BLOB_UNKNOWN', [400, 'MANIFEST_BLOB_UNKNOWN']],
  ['MANIFEST_INVALID', [400, 'MANIFEST_INVALID']],
  ['MANIFEST_TOO_LARGE', [413, 'MANIFEST_INVALID']],
  ['MANIFEST_UNKNOWN', [404, 'MANIFEST_UNKNOWN']],
  ['MEDIA_TYPE_UNSUPPORTED', [400, 'MANIFEST_INVALID']],
  ['NO_SPACE', [507, 'UNKNOWN']],
  ['PAGINATION_NUMBER_INVALID', [400, 'PAGINATION_NUMBER_INVALID']],
  ['READ_ONLY_FILE_SYSTEM', [503, 'UNSUPPORTED']],
  ['REGISTRY_BUCKET_FAILED', [503, 'UNKNOWN']],
  ['REGISTRY_ACCESS_DENIED', [403, 'DENIED']],
  ['REGISTRY_LOGIN_REQUIRED', [401, 'UNAUTHORIZED']],
  ['REGISTRY_METHOD_UNSUPPORTED', [405, 'UNSUPPORTED']],
  ['REGISTRY_NAME_INVALID', [400, 'NAME_INVALID']],
  ['REGISTRY_NAME_UNKNOWN', [404, 'NAME_UNKNOWN']],
  ['REGISTRY_NO_ENDPOINT', [404, 'UNSUPPORTED']],
  ['REGISTRY_TOO_MANY_LOGINS', [429, 'TOOMANYREQUESTS']],
  ['REGISTRY_ANSWER_INVALID', [502, 'UNAVAILABLE']],
  ['REGISTRY_DENIED', [502, 'UNAVAILABLE']],
  ['REGISTRY_FAILED', [502, 'UNAVAILABLE']],
  ['REGISTRY_RATE_LIMITED', [429, 'TOOMANYREQUESTS']],
  ['REGISTRY_UNAUTHORIZED', [502, 'UNAVAILABLE']],
  ['REGISTRY_UNREACHABLE', [502, 'UNAVAILABLE']],
  ['REGISTRY_TOO_MANY_TAGS', [414, 'UNSUPPORTED']],
  ['SIZE_INVALID', [400, 'SIZE_INVALID']],
  ['TAG_IMMUTABLE', [403, 'DENIED']],
  ['TOO_MANY_LAYERS', [400, 'MANIFEST_INVALID']],
  ['TOO_MANY_UPLOADS', [429, 'TOOMANYREQUESTS']],
  ['UPLOAD_DIGEST_MISMATCH', [400, 'DIGEST_INVALID']],
  ['UPLOAD_RANGE', [416, 'BLOB_UPLOAD_INVALID']],
  ['UPLOAD_RANGE_MALFORMED', [400, 'BLOB_UPLOAD_INVALID']],
])

/**
 * What the client is told of `error`; of one that is none of its business, nothing but that there was one.
 * `challenge` is the WWW-Authenticate of a login that is missing.
 */
export function errorAnswer(error: unknown, challenge: (error: MilleError) => string): Answer {
  const known = toMilleError(error)
  const [status, code] = (known && wireErrors.get(known.code)) ?? [500, 'UNKNOWN']
  // full disks and the like carry paths of this machine
  const message = known !== undefined && status < 500 ? known.message : 'the registry could not do this'
  const digest = known?.details['digest']
  const detail = typeof digest === 'string' ? { detail: { digest } } : {}
  const headers = {
    ...(known !== undefined && headersOf(known)),
    ...(known?.code === 'REGISTRY_LOGIN_REQUIRED' && { 'www-authenticate': challenge(known) }),
    ...(status === 429 && { 'retry-after': '1' }),
  }
  return jsonAnswer(status, { errors: [{ code, message, ...detail }] }, headers)
}

/** Errors of the HTTP server itself carry a status. */
function toMilleError(error: unknown): MilleError | undefined {
  if (isMilleError(error)) return error
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  return status >= 400 && status < 500
    ? failure('INVALID_ARGUMENT', { reason: 'malformed request' })
    : undefined
}

function headersOf({ code, details }: MilleError): Readonly<Record<string, string>> {
  // what comes after a malformed request may be read as anything (C-S9)
  if (code === 'INVALID_ARGUMENT') return { connection: 'close' }
  const { offset, allow } = details
  // where the upload stands, so that the client can go on from there
  if (code === 'UPLOAD_RANGE' && typeof offset === 'number') return { range: `0-${Math.max(offset - 1, 0)}` }
  return Array.isArray(allow) ? { allow: allow.join(', ') } : {}
}
