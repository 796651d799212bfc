import { parseStrictJson } from '../../util/strict-json.ts'
import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { Answer } from './exchange.ts'
import { drain, readAtMost } from './exchange.ts'
import type { RegistryHost } from './host.ts'

const pageSize = 1000
const maxPage = 4 * 1024 * 1024
const maxPages = 10_000

export interface PageCall {
  readonly repository: string
  readonly scopes: readonly string[]
  /** Statuses of the first page that are answers, besides 2xx. */
  readonly accept?: readonly number[]
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * A paged answer, following `Link: …; rel="next"` on the same origin only; a page seen twice or more than 10,000 pages end
 * in REGISTRY_ANSWER_INVALID (C-W7). Source: OCI distribution-spec 1.1, "Content Discovery".
 */
export async function* eachPage(
  host: RegistryHost,
  path: string,
  call: PageCall,
  options: OpOptions,
): AsyncGenerator<{ readonly answer: Answer; readonly body: Buffer }> {
  const wrong = (reason: string): Error => failure('REGISTRY_ANSWER_INVALID', { host: host.name, reason })
  const origin = await host.origin(options.signal)
  let next: URL | undefined = new URL(path, origin)
  const seen = new Set<string>()
  while (next) {
    if (seen.has(next.href)) throw wrong('pages that run in a circle')
    if (seen.size >= maxPages) throw wrong(`more than ${maxPages} pages`)
    seen.add(next.href)
    const answer = await host.call(next, { ...call, signal: options.signal })
    const body = await readAtMost(answer.body, maxPage)
    await drain(answer.body)
    if (!body) throw wrong(`a page of more than ${maxPage} bytes`)
    yield { answer, body }
    const link = /<([^<>]*)>\s*;\s*rel="?next"?/i.exec(answer.header('link') ?? '')?.[1]
    if (link === undefined) return
    if (!URL.canParse(link, next.href)) throw wrong('a next page that is no URL')
    next = new URL(link, next)
    if (next.origin !== origin.origin) throw wrong('a next page on another server')
  }
}

/** The strings in `field` of a paged list; see `eachPage`. */
export async function* listPages(
  host: RegistryHost,
  path: string,
  field: 'tags' | 'repositories',
  call: PageCall,
  options: OpOptions,
): AsyncGenerator<string> {
  const wrong = (reason: string): Error => failure('REGISTRY_ANSWER_INVALID', { host: host.name, reason })
  for await (const { body } of eachPage(host, `${path}?n=${pageSize}`, call, options)) {
    yield* namesOf(parseStrictJson(body, { maxBytes: maxPage }), field, wrong)
  }
}

function namesOf(page: unknown, field: string, wrong: (reason: string) => Error): readonly string[] {
  const names = (page as Readonly<Record<string, unknown>> | null)?.[field]
  // Go writes an empty list as null
  if (names === null || names === undefined) return []
  if (!Array.isArray(names) || !names.every((name): name is string => typeof name === 'string')) {
    throw wrong(`${field} that are no names`)
  }
  return names
}
