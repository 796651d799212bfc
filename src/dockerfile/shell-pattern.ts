import { limits } from './limits.ts'

/**
 * Patterns of `${x#…}`, `${x%…}` and `${x/…/…}`: `*` any run, `?` any one character, an escaped character itself.
 * Matching is by runs between stars, leftmost or rightmost, never by backtracking: linear in value times pattern.
 */
export interface ShellPattern {
  /** Runs between the stars; undefined stands for `?`. */
  readonly runs: readonly (readonly (string | undefined)[])[]
  readonly length: number
}

export function parseShellPattern(pattern: string, escape: string): ShellPattern {
  const runs: (string | undefined)[][] = [[]]
  const characters = [...pattern]
  for (let index = 0; index < characters.length; index++) {
    const char = characters[index] ?? ''
    if (char === '*') {
      if (runs.length === 1 || runs.at(-1)?.length !== 0) runs.push([])
    } else if (char === '?') runs.at(-1)?.push(undefined)
    else if (char === escape && index + 1 < characters.length) runs.at(-1)?.push(characters[++index])
    else runs.at(-1)?.push(char)
  }
  return { runs, length: characters.length }
}

/** Would the work on `value` be over the limit? Then the caller must refuse. */
export function isTooCostly(pattern: ShellPattern, value: string): boolean {
  return pattern.length * value.length > limits.patternWork
}

/** Characters, one at each place: a string where none of them takes two. */
type Text = string | readonly string[]

function charactersOf(value: string): Text {
  return /[\ud800-\udfff]/.test(value) ? [...value] : value
}

function textOf(characters: Text, from: number, to?: number): string {
  return typeof characters === 'string' ? characters.slice(from, to) : characters.slice(from, to).join('')
}

function runAt(run: readonly (string | undefined)[], text: Text, at: number): boolean {
  return (
    at + run.length <= text.length &&
    run.every((char, index) => char === undefined || char === text[at + index])
  )
}

function firstRun(run: readonly (string | undefined)[], text: Text, from: number): number {
  for (let at = from; at + run.length <= text.length; at++) if (runAt(run, text, at)) return at
  return -1
}

function lastRun(run: readonly (string | undefined)[], text: Text, from: number): number {
  for (let at = text.length - run.length; at >= from; at--) if (runAt(run, text, at)) return at
  return -1
}

/** End of the match that begins at `start`, or -1. */
function matchFrom({ runs }: ShellPattern, text: Text, start: number, longest: boolean): number {
  const [first = [], ...rest] = runs
  if (!runAt(first, text, start)) return -1
  let at = start + first.length
  for (const [index, run] of rest.entries()) {
    const isLast = index === rest.length - 1
    const found = isLast && longest ? lastRun(run, text, at) : firstRun(run, text, at)
    if (found < 0) return -1
    at = found + run.length
  }
  return at
}

function reversed(pattern: ShellPattern): ShellPattern {
  return { ...pattern, runs: pattern.runs.map((run) => run.toReversed()).toReversed() }
}

/** `#` and `##`: removes the shortest or longest match at the start. */
export function trimPrefix(value: string, pattern: ShellPattern, longest: boolean): string {
  const text = charactersOf(value)
  const end = matchFrom(pattern, text, 0, longest)
  return end < 0 ? value : textOf(text, end)
}

/** `%` and `%%`: removes the shortest or longest match at the end. */
export function trimSuffix(value: string, pattern: ShellPattern, longest: boolean): string {
  const text = [...value].toReversed()
  const end = matchFrom(reversed(pattern), text, 0, longest)
  return end < 0 ? value : text.slice(end).toReversed().join('')
}

/**
 * `/` and `//`: replaces the first match, or all of them; an empty pattern matches nothing. Undefined when the
 * result would be longer than the limit of values.
 */
export function replacePattern(
  value: string,
  pattern: ShellPattern,
  replacement: string,
  all: boolean,
): string | undefined {
  if (pattern.length === 0) return value
  const text = charactersOf(value)
  const out: string[] = []
  let at = 0
  let open = true
  let grown = value.length
  while (at < text.length) {
    const end = open ? matchFrom(pattern, text, at, true) : -1
    if (end <= at) {
      // When the first run fits and a later one is missing, it is missing for every later start too.
      if (open && runAt(pattern.runs[0] ?? [], text, at)) open = false
      out.push(text[at++] ?? '')
      continue
    }
    grown += replacement.length
    if (grown > limits.valueLength) return undefined
    out.push(replacement)
    at = end
    open = all
  }
  return out.join('')
}
