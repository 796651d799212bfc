import { failure } from '../../../util/errors.ts'
import { jsonAnswer, type Endpoint, type EndpointContext } from '../answer.ts'
import { repositoryOf } from '../path-parts.ts'
import { readBody } from '../read-body.ts'
import type { RegistryStorage } from '../storage.ts'
import { noNote, type RepositoryNote } from './repository-notes.ts'

/** Of one answer, as Docker's client asks for at most. */
const mostResults = 100
const usualResults = 25
/** Bytes. */
const longestDescription = 1000
const namesAtOnce = 1000

/** What Docker's clients ask before they search. Source: Docker Registry API version 1, as the docker client speaks it. */
export const pingFirst: Endpoint = async () =>
  jsonAnswer(200, true, { 'x-docker-registry-version': '0.6.0', 'x-docker-registry-standalone': 'true' })

/**
 * `GET /v1/search?q=TERM&n=25&page=1`: repositories whose name or description holds the term, whatever the case, and that
 * the caller may read; those with the most stars first (A55-A57). Repositories without a folder are official.
 */
export const search: Endpoint = async ({ query, caller }, _parts, { storage, notes }) => {
  const term = (query.get('q') ?? '').toLowerCase()
  const size = Math.min(countOf(query, 'n') ?? usualResults, mostResults)
  const page = countOf(query, 'page') ?? 1
  const known = await notes.all()
  const found: { readonly name: string; readonly note: RepositoryNote }[] = []
  for await (const name of repositories(storage)) {
    const note = known.get(name) ?? noNote
    const holds = name.includes(term) || note.description.toLowerCase().includes(term)
    if (holds && caller.sees(name)) found.push({ name, note })
  }
  found.sort((a, b) => b.note.stars.length - a.note.stars.length || (a.name < b.name ? -1 : 1))
  const shown = size === 0 ? [] : found.slice((page - 1) * size, page * size)
  return jsonAnswer(200, {
    query: query.get('q') ?? '',
    num_results: found.length,
    page,
    page_size: size,
    num_pages: size === 0 ? 0 : Math.ceil(found.length / size),
    results: shown.map(({ name, note }) => ({
      name,
      description: note.description,
      star_count: note.stars.length,
      is_official: !name.includes('/'),
      is_automated: false,
    })),
  })
}

/** `PUT`: the body, plain text of one line, becomes the repository's description. */
export const putDescription: Endpoint = async (request, parts, context) => {
  const repository = await existing(parts, context)
  const bytes = await readBody(request, longestDescription)
  if (bytes === undefined) throw failure('DESCRIPTION_TOO_LONG', { limit: longestDescription })
  // it is printed on terminals
  const description = bytes
    .toString()
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  await context.notes.change(repository, (note) => ({ ...note, description }))
  return { status: 204 }
}

/** `PUT` and `DELETE`: a star of the caller's, which counts once. Where nobody logs in there is one caller. */
export const changeStar: Endpoint = async (request, parts, context) => {
  const repository = await existing(parts, context)
  const { user, isAnonymous } = request.caller
  // all strangers would share one star, and each could take it away
  if (isAnonymous) {
    const needs = [{ repository, rights: ['read'] }]
    throw failure('REGISTRY_LOGIN_REQUIRED', {}, { details: { needs } })
  }
  await context.notes.change(repository, (note) => {
    const others = note.stars.filter((name) => name !== user)
    return { ...note, stars: request.method === 'PUT' ? [...others, user] : others }
  })
  return { status: 204 }
}

async function existing(
  parts: Readonly<Record<string, string>>,
  { storage }: EndpointContext,
): Promise<string> {
  const repository = repositoryOf(parts)
  const tags = await storage.listTags(repository, { limit: 1 })
  if (tags === undefined) throw failure('REGISTRY_NAME_UNKNOWN', { repository })
  return repository
}

async function* repositories(storage: RegistryStorage): AsyncGenerator<string> {
  for (let after: string | undefined; ;) {
    const names = await storage.listRepositories({
      limit: namesAtOnce,
      ...(after !== undefined && { after }),
    })
    yield* names
    if (names.length < namesAtOnce) return
    after = names.at(-1)
  }
}

function countOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^\d{1,9}$/.test(text)) throw failure('PAGINATION_NUMBER_INVALID', { text: text.slice(0, 50) })
  return Math.max(Number(text), name === 'page' ? 1 : 0)
}
