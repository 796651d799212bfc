import { parseDigest } from '../../oci/digest.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { failure } from '../../util/errors.ts'
import { jsonAnswer } from './answer.ts'
import type { Answer, Endpoint } from './answer.ts'
import { digestOf, repositoryOf } from './path-parts.ts'
import type { Page } from './storage.ts'

/** Most names of one answer; a Link leads to the next ones (CVE-2023-2253: memory by the client's n). */
const pageLimit = 1000

/** Source: OCI distribution-spec 1.1, end-1. */
export const ping: Endpoint = async () => jsonAnswer(200, {})

/** Source: OCI distribution-spec 1.1, end-8a and end-8b. */
export const listTags: Endpoint = async (request, parts, { storage }) => {
  const repository = repositoryOf(parts)
  const page = pageOf(request.query)
  const names = await storage.listTags(repository, oneMore(page))
  if (names === undefined) throw failure('REGISTRY_NAME_UNKNOWN', { repository })
  return pageAnswer(`/v2/${repository}/tags/list`, page, names, (tags) => ({ name: repository, tags }))
}

/** Docker's catalog, which the specification left out: the repositories that the caller may read. */
export const listRepositories: Endpoint = async ({ query, caller }, _parts, { storage }) => {
  const page = pageOf(query)
  const wanted = page.limit + 1
  const names: string[] = []
  for (let last = page.after ?? '', more = page.limit > 0; more;) {
    const found = await storage.listRepositories({ after: last, limit: pageLimit + 1 })
    names.push(...found.filter((name) => caller.sees(name)))
    last = found.at(-1) ?? ''
    more = found.length > pageLimit && names.length < wanted
  }
  return pageAnswer('/v2/_catalog', page, names, (repositories) => ({ repositories }))
}

/**
 * Never 404: a subject may be pushed after what refers to it. Source: OCI distribution-spec 1.1, end-12a and end-12b,
 * "Listing Referrers".
 */
export const listReferrers: Endpoint = async ({ query }, parts, { storage }) => {
  const repository = repositoryOf(parts)
  const subject = digestOf(parts)
  const { limit, after } = pageOf(query)
  const artifactType = query.get('artifactType')
  const { descriptors, more } = await storage.listReferrers(repository, subject, {
    limit,
    maxBytes: documentLimit / 2,
    ...(after !== undefined && { after: parseDigest(after) }),
    ...(artifactType !== null && { artifactType }),
  })
  const next = new URLSearchParams({
    ...(artifactType !== null && { artifactType }),
    n: String(limit),
    last: descriptors.at(-1)?.digest ?? '',
  }).toString()
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: descriptors }
  return jsonAnswer(200, index, {
    'content-type': mediaTypes.ociIndex,
    ...(artifactType !== null && { 'oci-filters-applied': 'artifactType' }),
    ...(more && { link: `</v2/${repository}/referrers/${subject}?${next}>; rel="next"` }),
  })
}

function pageOf(query: URLSearchParams): Page {
  const text = query.get('n')
  if (text !== null && !/^\d{1,20}$/.test(text)) {
    throw failure('PAGINATION_NUMBER_INVALID', { text: text.slice(0, 50) })
  }
  const limit = text === null ? pageLimit : Math.min(Number(text), pageLimit)
  const after = query.get('last')
  return after === null ? { limit } : { limit, after }
}

/** One more than is shown, to know whether there are more. */
function oneMore(page: Page): Page {
  return { ...page, limit: page.limit + 1 }
}

function pageAnswer(
  path: string,
  { limit }: Page,
  names: readonly string[],
  body: (shown: readonly string[]) => unknown,
): Answer {
  const shown = names.slice(0, limit)
  const last = shown.at(-1)
  const more = names.length > limit && last !== undefined
  const next = `<${path}?n=${limit}&last=${encodeURIComponent(last ?? '')}>; rel="next"`
  return jsonAnswer(200, body(shown), more ? { link: next } : {})
}
