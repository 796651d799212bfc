import { suggest } from '../../util/suggest.ts'

/** Tags looked at: one page of a registry. */
const most = 1000
const shown = 5

/** What to say of a `tag` that is not there: the near one, or the first of those that are. Empty when there are none. */
export async function tagHint(tag: string, tags: AsyncIterable<string>): Promise<string> {
  const known: string[] = []
  for await (const one of tags) {
    known.push(one)
    if (known.length >= most) break
  }
  if (known.length === 0) return ''
  const near = suggest(tag, known)
  if (near !== undefined) return ` (did you mean ${near}?)`
  const more = known.length - shown
  const rest = more > 0 ? ` and ${more}${known.length === most ? ' or more' : ''} others` : ''
  return ` (there are ${known.slice(0, shown).join(', ')}${rest})`
}
