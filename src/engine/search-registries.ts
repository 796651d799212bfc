import { defaultRegistry, isRegistryHost } from '../oci/reference.ts'
import type { FoundRepository, RegistryClient } from '../registry/repository.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'

export interface SearchOptions extends OpOptions {
  /** 1 to 100, default 25. */
  readonly limit?: number
  /** Docker's: `stars`, `is-official`, `is-automated`. */
  readonly filters?: Readonly<Record<string, readonly string[]>>
}

const known = ['is-automated', 'is-official', 'stars']

/** `term` at docker.io, or `host[:port]/term`; those with the most stars first (A55). INVALID_ARGUMENT, INVALID_FILTER. */
export async function searchRegistries(
  client: Pick<RegistryClient, 'search'>,
  text: string,
  options: SearchOptions = {},
): Promise<readonly FoundRepository[]> {
  const { limit = 25, filters = {}, signal } = options
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw failure('INVALID_ARGUMENT', { reason: `limit ${limit} is outside the range of [1, 100]` })
  }
  const isWanted = readFilters(filters)
  const { registry, term } = splitTerm(text)
  const found = await client.search(registry, term, { limit, signal })
  return found.filter(isWanted).toSorted((a, b) => b.stars - a.stars)
}

/** As in names of images: the first part is a host when it has a dot or a colon, or is `localhost`. */
function splitTerm(text: string): { readonly registry: string; readonly term: string } {
  const slash = text.indexOf('/')
  const first = text.slice(0, Math.max(slash, 0))
  if (slash < 0 || !(/[.:]/.test(first) || first === 'localhost')) {
    // as in names of images, what is official has no namespace
    return { registry: defaultRegistry, term: text.replace(/^library\//, '') }
  }
  if (!isRegistryHost(first)) {
    const reason = `invalid registry "${first.slice(0, 300)}": need host or host:port`
    throw failure('INVALID_ARGUMENT', { reason })
  }
  return { registry: first, term: text.slice(slash + 1) }
}

function readFilters(filters: NonNullable<SearchOptions['filters']>): (found: FoundRepository) => boolean {
  for (const filter of Object.keys(filters))
    if (!known.includes(filter)) throw failure('INVALID_FILTER', { filter, known: known.join(', ') })
  const official = truthOf('is-official', filters)
  // Docker Hub builds nothing automatically any more: nothing is (A58)
  const automated = truthOf('is-automated', filters)
  const stars = Math.max(0, ...(filters['stars'] ?? []).map(starsOf))
  return (found) =>
    automated !== true && found.stars >= stars && (official === undefined || found.isOfficial === official)
}

function starsOf(value: string): number {
  if (!/^\d{1,9}$/.test(value))
    throw failure('INVALID_FILTER_VALUE', { filter: 'stars', value, known: 'whole numbers' })
  return Number(value)
}

function truthOf(filter: string, filters: NonNullable<SearchOptions['filters']>): boolean | undefined {
  const value = filters[filter]?.at(-1)
  if (value === undefined) return undefined
  if (/^(?:1|t|true)$/i.test(value)) return true
  if (/^(?:0|f|false)$/i.test(value)) return false
  throw failure('INVALID_FILTER_VALUE', { filter, value, known: 'true, false' })
}
