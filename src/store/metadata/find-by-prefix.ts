import type { SQLInputValue } from 'node:sqlite'
import { failure } from '../../util/errors.ts'
import { shortId } from '../../oci/digest.ts'
import type { Database } from './database.ts'

/**
 * The one id that begins with `prefix`; undefined when none does, AMBIGUOUS_ID naming the matches when several do.
 * `sql` selects `id` between two bounds, its last two parameters.
 */
export function findByPrefix(
  database: Database,
  sql: string,
  values: readonly SQLInputValue[],
  prefix: string,
): string | undefined {
  // every id is ASCII, so U+FFFF sorts behind all that begin with the prefix
  const ids = database.all(sql, ...values, prefix, `${prefix}\uffff`).map((row) => String(row['id']))
  const exact = ids.find((id) => id === prefix)
  if (ids.length > 1 && exact === undefined) {
    throw failure('AMBIGUOUS_ID', {
      prefix: prefix.replace(/^sha256:/, ''),
      matches: ids.map(shortId).join(', '),
    })
  }
  return exact ?? ids[0]
}
