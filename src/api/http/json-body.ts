import { failure } from '../../util/errors.ts'
import { parseStrictJson } from '../../util/strict-json.ts'
import type { ApiRequest } from '../route.ts'
import { readFields, type Body, type WireFields } from './wire-fields.ts'

const maxBytes = 4 * 1024 * 1024
/** Milliseconds that a body may take: a client that sends a byte now and then must not hold a request for ever. */
const maxTime = 60_000

type BodyRequest = Pick<ApiRequest, 'body' | 'headers'>

/** The JSON body of a request; undefined without a body. INVALID_ARGUMENT, JSON_TOO_LARGE and JSON_INVALID. */
export async function readJson<const Fields extends WireFields>(
  request: BodyRequest,
  fields: Fields,
): Promise<Body<Fields> | undefined> {
  checkContentType(request)
  if (!hasBody(request)) return undefined
  const bytes = await readAll(request)
  if (bytes.length === 0) throw failure('JSON_INVALID', { reason: 'got EOF while reading request body' })
  return readFields(parseStrictJson(bytes, { maxBytes }), fields)
}

function hasBody({ headers }: BodyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** A web page may send any other type without asking (C-A2). */
function checkContentType(request: BodyRequest): void {
  const type = request.headers['content-type']
  if (type === undefined && !hasBody(request)) return
  if (/^application\/json\s*(;|$)/i.test(type ?? '')) return
  const reason = `unsupported Content-Type header (${type ?? ''}): must be 'application/json'`
  throw failure('INVALID_ARGUMENT', { reason })
}

/** By events: leaving a loop over the stream would break the connection off before the answer. */
function readAll({ body }: BodyRequest): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let size = 0
  const onData = (chunk: Buffer): void => {
    size += chunk.length
    chunks.push(chunk)
    if (size > maxBytes) reject(failure('JSON_TOO_LARGE', { limit: maxBytes }))
  }
  const timer = setTimeout(() => {
    reject(failure('INVALID_ARGUMENT', { reason: `the body took longer than ${maxTime / 1000} s` }))
  }, maxTime)
  body.on('data', onData)
  body.once('end', () => resolve(Buffer.concat(chunks)))
  body.once('error', reject)
  body.once('close', () => reject(failure('CANCELED', {})))
  return promise.finally(() => {
    clearTimeout(timer)
    body.off('data', onData)
  })
}
