import { failure } from '../util/errors.ts'

/**
 * A path pattern in Go's style: `*` and `?` stop at `/`, `[a-z]` and `[^a-z]`, `\` before any character; with
 * `doubleStar` also `**`, which spans folders. Source: Go path.Match, Docker's build context documentation.
 */
type Token =
  | { readonly kind: 'char'; readonly code: number }
  | { readonly kind: 'one' }
  | {
      readonly kind: 'class'
      readonly negated: boolean
      readonly ranges: readonly (readonly [number, number])[]
    }
  /** Any run without `/`. */
  | { readonly kind: 'star' }
  /** Any run. */
  | { readonly kind: 'rest' }
  /** Nothing, or any run that ends with `/`. */
  | { readonly kind: 'folders' }

const slash = 0x2f
/** Places in all states kept, before the table is thrown away and begun again: bounds memory against hostile patterns. */
const maxKept = 16_384
/** Same, for characters seen in one state. */
const maxNext = 512

interface State {
  readonly positions: readonly number[]
  readonly accepting: boolean
  readonly next: Map<number, State>
}

export interface Glob {
  /** Does it match all of `path` (`/` between parts, none at the ends)? */
  matches(path: string): boolean
  /** Does it match `path` or one of the folders above it? */
  matchesWithParents(path: string): boolean
  /** Could it match something below the folder `path`, or the folder itself? */
  mayMatchBelow(path: string): boolean
}

/**
 * Compiles `pattern`. Time to match is linear in the path: the sets of places a match can be at are made into the
 * states of an automaton as they turn up. Errors: INVALID_ARGUMENT for a class or escape without end.
 */
export function compileGlob(pattern: string, options: { readonly doubleStar?: boolean } = {}): Glob {
  const tokens = parseTokens(pattern, options.doubleStar ?? false)
  let states = new Map<string, State>()
  let kept = 0
  const start = stateOf(tokens, closure(tokens, [0]))
  const intern = (positions: readonly number[]): State => {
    const closed = closure(tokens, positions)
    const key = closed.join(',')
    const known = states.get(key)
    if (known !== undefined) return known
    kept += closed.length + 1
    if (kept > maxKept) {
      states = new Map()
      start.next.clear()
      kept = 0
    }
    const state = stateOf(tokens, closed)
    states.set(key, state)
    return state
  }
  const walk = (path: string, isDone: (state: State, code: number) => boolean): State => {
    let state = start
    for (let at = 0; at < path.length && state.positions.length > 0; at++) {
      const code = path.codePointAt(at) ?? 0
      if (code > 0xffff) at++
      if (isDone(state, code)) return state
      let next = state.next.get(code)
      if (next === undefined) {
        next = intern(step(tokens, state.positions, code))
        if (state.next.size > maxNext) state.next.clear()
        state.next.set(code, next)
      }
      state = next
    }
    return state
  }
  const atFolder = (state: State, code: number): boolean => code === slash && state.accepting
  return {
    matches: (path) => walk(path, () => false).accepting,
    matchesWithParents: (path) => walk(path, atFolder).accepting,
    mayMatchBelow: (path) => walk(path === '' ? '' : `${path}/`, atFolder).positions.length > 0,
  }
}

function stateOf(tokens: readonly Token[], positions: readonly number[]): State {
  return { positions, accepting: positions.includes(tokens.length), next: new Map() }
}

/** Has `pattern` a wildcard, or is it a plain name? */
export function hasWildcard(pattern: string): boolean {
  return /[*?[\\]/.test(pattern)
}

/** Go's path.Match. Errors: INVALID_ARGUMENT for a bad pattern. For many paths compile once. */
export function matchPath(pattern: string, path: string): boolean {
  return compileGlob(pattern).matches(path)
}

/**
 * Adds the positions reachable without reading: runs may be empty. A negative position is inside a begun `folders`
 * run, which only a slash ends.
 */
function closure(tokens: readonly Token[], positions: readonly number[]): number[] {
  const set = new Set<number>()
  for (const first of positions) {
    for (let at = first; !set.has(at); at++) {
      set.add(at)
      const kind = tokens[at]?.kind
      if (kind !== 'star' && kind !== 'rest' && kind !== 'folders') break
    }
  }
  return [...set].sort((a, b) => a - b)
}

function step(tokens: readonly Token[], positions: readonly number[], code: number): number[] {
  const next: number[] = []
  for (const position of positions) {
    const inFolders = position < 0
    const at = inFolders ? -position - 1 : position
    const token = tokens[at]
    if (token === undefined) continue
    if (token.kind === 'folders') {
      next.push(-at - 1)
      if (code === slash) next.push(at + 1)
    } else if (token.kind === 'rest') next.push(at)
    else if (token.kind === 'star') {
      if (code !== slash) next.push(at)
    } else if (accepts(token, code)) next.push(at + 1)
  }
  return next
}

function accepts(token: Token, code: number): boolean {
  if (token.kind === 'char') return token.code === code
  if (code === slash) return false
  if (token.kind !== 'class') return token.kind === 'one'
  return token.ranges.some(([low, high]) => code >= low && code <= high) !== token.negated
}

function parseTokens(pattern: string, doubleStar: boolean): Token[] {
  const codes = [...pattern].map((char) => char.codePointAt(0) ?? 0)
  const tokens: Token[] = []
  let at = 0
  while (at < codes.length) {
    const char = String.fromCodePoint(codes[at] ?? 0)
    if (char === '*' && doubleStar && codes[at + 1] === 0x2a) {
      at += 2
      while (codes[at] === 0x2a) at++
      if (codes[at] === slash) at++
      tokens.push({ kind: at >= codes.length ? 'rest' : 'folders' })
    } else if (char === '*') {
      at++
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' })
    } else if (char === '?') {
      at++
      tokens.push({ kind: 'one' })
    } else if (char === '[') {
      const parsed = parseClass(codes, at)
      tokens.push(parsed.token)
      at = parsed.after
    } else {
      const escaped = char === '\\'
      if (escaped && at + 1 >= codes.length) throw badPattern('nothing after the last \\')
      tokens.push({ kind: 'char', code: codes[escaped ? at + 1 : at] ?? 0 })
      at += escaped ? 2 : 1
    }
  }
  return tokens
}

function badPattern(reason: string): Error {
  return failure('INVALID_ARGUMENT', { reason })
}

function parseClass(codes: readonly number[], start: number): { token: Token; after: number } {
  let at = start + 1
  const negated = codes[at] === 0x5e
  if (negated) at++
  const ranges: [number, number][] = []
  const character = (): number => {
    const isEscape = codes[at] === 0x5c
    const code = codes[isEscape ? at + 1 : at]
    const isBare = !isEscape && (code === 0x2d || code === 0x5d)
    if (code === undefined || isBare) {
      throw badPattern(
        code === undefined ? 'missing ] of [' : `unexpected ${String.fromCodePoint(code)} inside [ ]`,
      )
    }
    at += isEscape ? 2 : 1
    return code
  }
  while (codes[at] !== 0x5d || ranges.length === 0) {
    const low = character()
    let high = low
    if (codes[at] === 0x2d) {
      at++
      high = character()
    }
    ranges.push([low, high])
  }
  return { token: { kind: 'class', negated, ranges }, after: at + 1 }
}
