import { isDigest, parseDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { isRepositoryName } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import type { Answer, Endpoint, RegistryRequest } from './answer.ts'
import { repositoryOf } from './path-parts.ts'
import type { UploadChunk, UploadOwner } from './storage.ts'

/** See HandOverPlace: in the answer to POST the registry's name, in PUT the word that the file is there. */
const handOverHeader = 'mille-hand-over'

/**
 * POST: begins an upload; with `digest` takes the whole blob; with `mount` and `from` links a blob of another
 * repository. Source: OCI distribution-spec 1.1, end-4a, end-4b, end-11.
 */
export const postUpload: Endpoint = async (request, parts, { storage, report }) => {
  const owner = { repository: repositoryOf(parts), user: request.caller.user }
  const mount = request.query.get('mount')
  const from = request.query.get('from')
  // what cannot be mounted is uploaded: no error tells what another repository holds
  if (isDigest(mount) && from !== null && isRepositoryName(from) && request.caller.may('read', from)) {
    if (await storage.mountBlob(owner.repository, mount, from)) {
      report({ action: 'mount', repository: owner.repository, digest: mount, from })
      return blobCreated(owner.repository, mount)
    }
  }
  // what cannot be had is told before the bytes are sent
  const algorithm = request.query.get('digest-algorithm')
  if (algorithm !== null && algorithm !== 'sha256') {
    throw failure('DIGEST_INVALID', { text: `${algorithm.slice(0, 50)}:…` })
  }
  const digestText = request.query.get('digest')
  const digest = digestText === null ? undefined : parseDigest(digestText)
  const chunk = chunkOf(request)
  const id = await storage.openUpload(owner)
  if (digest === undefined) {
    const opened = uploadAnswer(202, owner, id, 0)
    const instance = storage.handOver?.instance
    return instance === undefined
      ? opened
      : { ...opened, headers: { ...opened.headers, [handOverHeader]: instance } }
  }
  try {
    await storage.appendUpload(owner, id, chunk, request.body)
  } catch (error) {
    // its client does not know the id, so nobody can go on with it
    await storage.cancelUpload(owner, id).catch(() => {})
    throw error
  }
  await storage.finishUpload(owner, id, digest)
  return blobCreated(owner.repository, digest)
}

/** Source: OCI distribution-spec 1.1, end-13. */
export const getUpload: Endpoint = async (request, parts, { storage }) => {
  const { owner, id } = uploadOf(request, parts)
  return uploadAnswer(204, owner, id, await storage.uploadOffset(owner, id))
}

/** With Content-Range a chunk; without, a stream to append, as docker sends it. Source: end-5. */
export const patchUpload: Endpoint = async (request, parts, { storage }) => {
  const { owner, id } = uploadOf(request, parts)
  const offset = await storage.appendUpload(owner, id, chunkOf(request), request.body)
  return uploadAnswer(202, owner, id, offset)
}

/** The last bytes, if any, and the digest. Source: OCI distribution-spec 1.1, end-6. */
export const putUpload: Endpoint = async (request, parts, { storage }) => {
  const { owner, id } = uploadOf(request, parts)
  const digest = parseDigest(request.query.get('digest'))
  const isHanded = request.headers[handOverHeader] !== undefined
  // without the file it is an upload like any other
  if (isHanded && (await storage.handOver?.finishUpload(owner, id, digest)) === true) {
    return blobCreated(owner.repository, digest)
  }
  const chunk = chunkOf(request)
  if (chunk.length === undefined || chunk.length > 0 || chunk.start !== undefined) {
    await storage.appendUpload(owner, id, chunk, request.body)
  }
  await storage.finishUpload(owner, id, digest)
  return blobCreated(owner.repository, digest)
}

export const deleteUpload: Endpoint = async (request, parts, { storage }) => {
  const { owner, id } = uploadOf(request, parts)
  await storage.cancelUpload(owner, id)
  return { status: 204 }
}

function uploadOf(
  request: RegistryRequest,
  parts: Readonly<Record<string, string>>,
): { owner: UploadOwner; id: string } {
  return { owner: { repository: repositoryOf(parts), user: request.caller.user }, id: parts['upload'] ?? '' }
}

/** Throws UPLOAD_RANGE_MALFORMED; SIZE_INVALID when Content-Range and Content-Length tell different things. */
function chunkOf({ headers, bodyLength }: RegistryRequest): UploadChunk {
  const text = headers['content-range']
  if (text === undefined) return bodyLength === undefined ? {} : { length: bodyLength }
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(text)
  if (match === null || Number(match[2]) < Number(match[1])) {
    throw failure('UPLOAD_RANGE_MALFORMED', { text: text.slice(0, 100) })
  }
  const start = Number(match[1])
  const length = Number(match[2]) - start + 1
  if (bodyLength !== undefined && bodyLength !== length) {
    throw failure('SIZE_INVALID', { expected: length, found: bodyLength })
  }
  return { start, length }
}

function uploadAnswer(status: number, { repository }: UploadOwner, id: string, offset: number): Answer {
  return {
    status,
    headers: {
      // relative: an absolute one would repeat whatever Host the client sent
      location: `/v2/${repository}/blobs/uploads/${id}`,
      range: rangeUpTo(offset),
      'docker-upload-uuid': id,
    },
  }
}

/** Docker's client needs a range also when there is nothing yet, and takes `0-0` for that. */
function rangeUpTo(offset: number): string {
  return `0-${Math.max(offset - 1, 0)}`
}

function blobCreated(repository: string, digest: Digest): Answer {
  return {
    status: 201,
    headers: { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest },
  }
}
