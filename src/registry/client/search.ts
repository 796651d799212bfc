import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import { parseStrictJson } from '../../util/strict-json.ts'
import type { FoundRepository } from '../repository.ts'
import { readAtMost } from './exchange.ts'
import type { RegistryHost } from './host.ts'
import { listPages } from './pages.ts'

const maxAnswer = 4 * 1024 * 1024
/** Names of a catalog that are looked at where there is no search. */
const mostNames = 10_000

/**
 * Repositories with `term`, as the registry finds and sorts them; where it has no search, those of its catalog whose name
 * has it. At most `limit`. Source: Docker Registry API v1, "Search"; docker.io answers it too.
 */
export async function searchRegistry(
  host: RegistryHost,
  term: string,
  options: OpOptions & { readonly limit: number },
): Promise<readonly FoundRepository[]> {
  const { limit, signal } = options
  const query = new URLSearchParams({ q: term, n: String(limit) })
  // the right to see all names, as far as the user may
  const call = { repository: 'its search', scopes: ['registry:catalog:*'], signal, accept: [404] }
  const answer = await host.call(`/v1/search?${query.toString()}`, call)
  const body = await readAtMost(answer.body, maxAnswer)
  if (answer.status === 404) return await searchCatalog(host, term, options)
  const wrong = (reason: string): Error => failure('REGISTRY_ANSWER_INVALID', { host: host.name, reason })
  if (!body) throw wrong(`an answer of more than ${maxAnswer} bytes`)
  const { results } = (parseStrictJson(body, { maxBytes: maxAnswer }) ?? {}) as { readonly results?: unknown }
  if (!Array.isArray(results)) throw wrong('a search without results')
  return results.slice(0, limit).map((found: Readonly<Record<string, unknown>> | null) => {
    if (typeof found?.['name'] !== 'string') throw wrong('a result without a name')
    return {
      name: found['name'],
      description: typeof found['description'] === 'string' ? found['description'] : '',
      stars: typeof found['star_count'] === 'number' ? found['star_count'] : 0,
      isOfficial: found['is_official'] === true,
    }
  })
}

async function searchCatalog(
  host: RegistryHost,
  term: string,
  { limit, signal }: OpOptions & { readonly limit: number },
): Promise<readonly FoundRepository[]> {
  const call = { repository: 'the catalog', scopes: ['registry:catalog:*'] }
  const found: FoundRepository[] = []
  let seen = 0
  for await (const name of listPages(host, '/v2/_catalog', 'repositories', call, { signal })) {
    if (name.includes(term)) found.push({ name, description: '', stars: 0, isOfficial: !name.includes('/') })
    if (found.length >= limit || (seen += 1) >= mostNames) break
  }
  return found
}
