import type { Digest } from '../../oci/digest.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import { isTag } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import type { Endpoint } from './answer.ts'
import { manifestFacts } from './manifest-facts.ts'
import { manifestReferenceOf, repositoryOf } from './path-parts.ts'
import { readBody } from './read-body.ts'

/** Tags of one push. */
const maxTags = 100

/** GET and HEAD. Source: OCI distribution-spec 1.1, end-3, and "Pulling manifests". */
export const getManifest: Endpoint = async (request, parts, { storage, report }) => {
  const repository = repositoryOf(parts)
  const reference = manifestReferenceOf(parts)
  const name = 'digest' in reference ? reference.digest : reference.tag
  const manifest = await storage.findManifest(repository, name)
  // a client must not get a type it did not ask for: old ones would misread it
  if (manifest === undefined || !accepts(request.headers.accept, manifest.mediaType)) {
    throw failure('MANIFEST_UNKNOWN', { name: `${repository} ${name}`, hint: '' })
  }
  const etag = `"${manifest.digest}"`
  const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': manifest.digest, etag }
  if (request.headers['if-none-match'] === etag) return { status: 304, headers }
  const { digest, mediaType, bytes } = manifest
  const told = { repository, digest, ...tagOf(reference), mediaType, size: bytes.length }
  if (request.method === 'GET') report({ action: 'pull', ...told })
  return {
    status: 200,
    headers: { ...headers, 'content-length': String(bytes.length) },
    body: bytes,
  }
}

/** Source: OCI distribution-spec 1.1, end-7, and "Pushing manifests". */
export const putManifest: Endpoint = async (request, parts, { storage, report }) => {
  const repository = repositoryOf(parts)
  const reference = manifestReferenceOf(parts)
  const raw = await readBody(request, documentLimit)
  if (raw === undefined)
    throw failure('MANIFEST_TOO_LARGE', { size: request.bodyLength ?? 'more', limit: documentLimit })
  const document = parseManifestDocument(raw, request.headers['content-type'])
  const { digest, mediaType } = document.descriptor
  if ('digest' in reference && reference.digest !== digest) {
    throw failure('UPLOAD_DIGEST_MISMATCH', { found: digest, expected: reference.digest })
  }
  const tags = [...('tag' in reference ? [reference.tag] : []), ...tagsOf(request.query)]
  const facts = manifestFacts(document)
  await storage.putManifest(repository, {
    digest,
    mediaType,
    bytes: document.raw,
    ...facts,
    tags,
    createOnly: !request.caller.may('update', repository),
  })
  const size = document.raw.length
  report({ action: 'push', repository, digest, ...tagOf(reference), mediaType, size })
  return {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${digest}`,
      'docker-content-digest': digest,
      // the client need not write the list of referrers itself
      ...(facts.referrer !== undefined && { 'oci-subject': facts.referrer.subject }),
      ...('digest' in reference && tags.length > 0 && { 'oci-tag': tags.join(', ') }),
    },
  }
}

/** Tags to set with a manifest. Throws REGISTRY_NAME_INVALID, REGISTRY_TOO_MANY_TAGS. Source: end-7b of the specification's main branch. */
function tagsOf(query: URLSearchParams): readonly string[] {
  const tags = query.getAll('tag')
  if (tags.length > maxTags) throw failure('REGISTRY_TOO_MANY_TAGS', { limit: maxTags, found: tags.length })
  const wrong = tags.find((tag) => !isTag(tag))
  if (wrong !== undefined) throw failure('REGISTRY_NAME_INVALID', { name: wrong.slice(0, 300) })
  return tags
}

/** By digest the manifest and its tags, by tag the tag alone. Source: OCI distribution-spec 1.1, end-9. */
export const deleteManifest: Endpoint = async (_request, parts, { storage, allowDelete, report }) => {
  const repository = repositoryOf(parts)
  const reference = manifestReferenceOf(parts)
  if (!allowDelete)
    throw failure('REGISTRY_METHOD_UNSUPPORTED', { method: 'DELETE', reason: ': deleting is off' })
  const removed =
    'digest' in reference
      ? await storage.deleteManifest(repository, reference.digest)
      : await storage.deleteTag(repository, reference.tag)
  const name = 'digest' in reference ? reference.digest : reference.tag
  if (!removed) throw failure('MANIFEST_UNKNOWN', { name: `${repository} ${name}`, hint: '' })
  report({ action: 'delete', repository, ...reference })
  return { status: 202 }
}

function tagOf(reference: { readonly tag: string } | { readonly digest: Digest }): { readonly tag?: string } {
  return 'tag' in reference ? { tag: reference.tag } : {}
}

function accepts(header: string | undefined, mediaType: string): boolean {
  if (header === undefined || header.trim() === '') return true
  const offered = header.split(',').map((part) => part.split(';')[0]?.trim().toLowerCase())
  return offered.some(
    (type) => type === mediaType || type === '*/*' || type === 'application/*' || type === 'application/json',
  )
}
