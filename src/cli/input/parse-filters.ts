import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'

/**
 * `--filter key=value` flags, grouped by key. `names` are those the command knows; `key!=value` needs `key!` among them.
 * CLI_FAILED names the filters there are.
 */
export function parseFilters(filters: readonly string[], names: readonly string[]): Record<string, string[]> {
  const found = groupFilters(filters)
  for (const name of Object.keys(found)) if (!names.includes(name)) throw unknownFilter(name, names)
  return found
}

/** As `parseFilters`, whatever the names: where the engine says which there are. */
export function groupFilters(filters: readonly string[]): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const filter of filters) {
    const equals = filter.indexOf('=')
    const name = filter.slice(0, equals).trim().toLowerCase()
    const list = (found[name] ??= [])
    list.push(filter.slice(equals + 1).trim())
  }
  return found
}

function unknownFilter(name: string, names: readonly string[]): Error {
  const near = suggest(name, names)
  const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`
  return failure('CLI_FAILED', { reason: `invalid filter '${name}': ${hint}` })
}

/** The one value of a filter that is true or false. */
export function parseTruth(name: string, values: readonly string[] | undefined): boolean | undefined {
  const value = values?.at(-1)
  if (value === undefined) return undefined
  if (['1', 'true', 'True', 'TRUE', 't'].includes(value)) return true
  if (['0', 'false', 'False', 'FALSE', 'f'].includes(value)) return false
  throw failure('CLI_FAILED', { reason: `invalid filter '${name}=${value}': true or false` })
}
