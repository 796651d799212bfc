import { failure } from '../../util/errors.ts'
import type { Answer, Endpoint } from './answer.ts'
import { parseByteRange } from './byte-range.ts'
import { digestOf, repositoryOf } from './path-parts.ts'

/** GET and HEAD of a blob. Source: OCI distribution-spec 1.1, end-2, and "Pulling blobs". */
export const getBlob: Endpoint = async (request, parts, { storage }) => {
  const repository = repositoryOf(parts)
  const digest = digestOf(parts)
  const size = await storage.statBlob(repository, digest)
  if (size === undefined) throw failure('BLOB_UNKNOWN', { digest, repository })
  const headers = {
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000, immutable',
    // a blob may be a web page: no browser shall run it in the registry's name (C-S10)
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
  }
  if (request.headers['if-none-match'] === headers.etag) return { status: 304, headers }
  const wanted = request.method === 'GET' ? parseByteRange(request.headers.range, size) : 'whole'
  if (wanted === 'outside') return rangeOutside(size)
  const range = wanted === 'whole' ? undefined : wanted
  const length = range === undefined ? size : range.end - range.start + 1
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      'content-length': String(length),
      ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${size}` }),
    },
    ...(request.method === 'GET' && { body: await storage.readBlob(repository, digest, range) }),
  }
}

/** Source: OCI distribution-spec 1.1, end-10. */
export const deleteBlob: Endpoint = async (_request, parts, { storage, allowDelete }) => {
  const repository = repositoryOf(parts)
  const digest = digestOf(parts)
  if (!allowDelete)
    throw failure('REGISTRY_METHOD_UNSUPPORTED', { method: 'DELETE', reason: ': deleting is off' })
  if (!(await storage.deleteBlob(repository, digest))) throw failure('BLOB_UNKNOWN', { digest, repository })
  return { status: 202, headers: { 'docker-content-digest': digest } }
}

function rangeOutside(size: number): Answer {
  return { status: 416, headers: { 'content-range': `bytes */${size}` } }
}
