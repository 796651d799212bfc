/** One challenge of a WWW-Authenticate header. `scheme` in lower case, names of parameters too. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: ReadonlyMap<string, string>
}

const maxChallenges = 10
const maxHeaderLength = 16_384
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const blank = /[ \t]*/y
const separator = /[ \t]*(?:,[ \t]*)*/y
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y

/**
 * All challenges of the header's values, in order. What does not parse ends the list: a hostile header yields fewer
 * challenges, never an exception. Source: RFC 9110, 11.6.1.
 */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const text = (typeof header === 'string' ? header : (header ?? []).join(', ')).slice(0, maxHeaderLength)
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let at = 0
  const eat = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    at += found?.length ?? 0
    return found
  }
  while (challenges.length < maxChallenges) {
    eat(separator)
    const word = eat(token)
    if (word === undefined) break
    eat(blank)
    const current = challenges.at(-1)
    if (text[at] === '=' && current) {
      at += 1
      eat(blank)
      const value = text[at] === '"' ? quoted() : eat(token)
      if (value === undefined) break
      const name = word.toLowerCase()
      // the first one counts: a second realm must not replace the one that was checked
      if (!current.parameters.has(name)) current.parameters.set(name, value)
      continue
    }
    challenges.push({ scheme: word.toLowerCase(), parameters: new Map() })
    eat(token68)
  }
  return challenges

  function quoted(): string | undefined {
    let value = ''
    for (at += 1; at < text.length; at++) {
      if (text[at] === '"') {
        at += 1
        return value
      }
      if (text[at] === '\\') at += 1
      value += text[at] ?? ''
    }
    return undefined
  }
}
