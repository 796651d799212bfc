import type { CacheUsage } from '../../builder/build.ts'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import { parseTruth } from './parse-filters.ts'
import { parseDuration, parseMoment } from './parse-time.ts'

type Match = (row: CacheUsage) => boolean

/** What a filter's text is compared with; several values match when one of them does. */
const texts: Readonly<Record<string, (row: CacheUsage) => readonly string[]>> = {
  id: ({ id }) => [id],
  parent: ({ parents }) => parents,
  parents: ({ parents }) => parents,
  description: ({ description }) => [description],
  type: ({ type }) => [type],
}

const truths: Readonly<Record<string, Match>> = {
  inuse: ({ inUse }) => inUse,
  mutable: ({ mutable }) => mutable,
  immutable: ({ mutable }) => !mutable,
  shared: ({ shared }) => shared,
  private: ({ shared }) => !shared,
}

const names = [...Object.keys(texts), ...Object.keys(truths), 'until', 'unused-for']

/**
 * `--filter` of `builder du` and `builder prune` (B76): all must match. `name=value`, `name!=value`, `name~=regular
 * expression`; an id by its beginning; `until=24h`: not used since. CLI_FAILED.
 */
export function parseCacheFilters(filters: readonly string[], now: number): Match {
  const matches = filters.map((filter) => parseFilter(filter, now))
  return (row) => matches.every((match) => match(row))
}

function parseFilter(filter: string, now: number): Match {
  const [, name = '', operator = '', value = ''] = /^([^=!~]*)(!=|~=|==?)([\s\S]*)$/.exec(filter) ?? []
  const key = name.trim().toLowerCase()
  const wrong = (reason: string): Error =>
    failure('CLI_FAILED', { reason: `invalid filter '${filter}': ${reason}` })
  const isTrue = Object.hasOwn(truths, key) ? truths[key] : undefined
  if (isTrue !== undefined) {
    const wanted = value === '' || parseTruth(key, [value])
    return (row) => isTrue(row) === (operator === '!=' ? !wanted : wanted)
  }
  const textOf = Object.hasOwn(texts, key) ? texts[key] : undefined
  if (textOf !== undefined) {
    const fits = comparison(key, operator, value, wrong)
    return (row) => textOf(row).some(fits) === (operator !== '!=')
  }
  if (key === 'until' || key === 'unused-for') {
    if (key === 'unused-for' && parseDuration(value) === undefined)
      throw wrong("it expects a duration, e.g. '24h'")
    const moment = Number(parseMoment(`--filter ${key}`, value, now) / 1_000_000n)
    return ({ lastUsedAt }) => lastUsedAt < moment
  }
  const near = suggest(key, names)
  throw wrong(near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`)
}

function comparison(
  key: string,
  operator: string,
  value: string,
  wrong: (reason: string) => Error,
): (text: string) => boolean {
  if (operator !== '~=')
    return key === 'id' ? (text) => text.startsWith(value.replace(/^sha256:/, '')) : (text) => text === value
  try {
    const pattern = new RegExp(value)
    return (text) => pattern.test(text)
  } catch {
    throw wrong('it is no regular expression')
  }
}
