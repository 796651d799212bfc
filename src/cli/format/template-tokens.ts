import { failure } from '../../util/errors.ts'

export type Token =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'open' }
  | { readonly kind: 'close' }
  | { readonly kind: 'field'; readonly value: string; readonly spaced: boolean }
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly value: string }
  | { readonly kind: 'word'; readonly value: string }
  | { readonly kind: 'literal'; readonly value: string | number }
  | { readonly kind: 'symbol'; readonly value: '(' | ')' | '|' | ',' | ':=' | '=' }

/** Every template problem in Go's form. `at` is a short description of the place. */
export function templateError(reason: string): Error {
  return failure('CLI_TEMPLATE', { reason: `template: :1: ${reason}` })
}

const patterns: readonly (readonly [RegExp, (match: RegExpExecArray, spaced: boolean) => Token])[] = [
  [/\.([A-Za-z_][\w]*)/y, (match, spaced) => ({ kind: 'field', value: match[1] ?? '', spaced })],
  [
    /[+-]?(?:0x[\da-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y,
    (match) => ({ kind: 'literal', value: Number(match[0]) }),
  ],
  [/\./y, () => ({ kind: 'dot' })],
  [/\$(\w*)/y, (match) => ({ kind: 'variable', value: match[1] ?? '' })],
  [/[A-Za-z_]\w*/y, (match) => ({ kind: 'word', value: match[0] })],
  [/"(?:[^"\\\n]|\\.)*"/y, (match) => ({ kind: 'literal', value: unquote(match[0]) })],
  [/`[^`]*`/y, (match) => ({ kind: 'literal', value: match[0].slice(1, -1) })],
  [/'(?:[^'\\]|\\.)'/y, (match) => ({ kind: 'literal', value: unquote(match[0]).codePointAt(0) ?? 0 })],
  [/:=|[()|,=]/y, (match) => ({ kind: 'symbol', value: match[0] as ':=' })],
]

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
}

function unquote(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|.)/g, (_, code: string) =>
      code.length > 1 ? String.fromCodePoint(parseInt(code.slice(1), 16)) : (escapes[code] ?? code),
    )
}

/** Splits a template into text and the tokens of its actions; `{{-` and `-}}` trim, comments vanish. CLI_TEMPLATE. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let trimNext = false
  while (at < source.length) {
    const open = source.indexOf('{{', at)
    const end = open < 0 ? source.length : open
    let text = source.slice(at, end)
    if (trimNext) text = text.trimStart()
    trimNext = false
    if (open >= 0 && /^\{\{-\s/.test(source.slice(open, open + 4))) text = text.trimEnd()
    if (text !== '') tokens.push({ kind: 'text', value: text })
    if (open < 0) break
    const action = readAction(source, open, tokens)
    at = action.end
    trimNext = action.trim
  }
  return tokens
}

function readAction(source: string, open: number, tokens: Token[]): { end: number; trim: boolean } {
  let at = open + 2
  if (source[at] === '-' && /\s/.test(source[at + 1] ?? '')) at += 1
  const comment = /\s*\/\*[^]*?\*\/\s*(-?)\}\}/y
  comment.lastIndex = at
  const commented = comment.exec(source)
  if (commented) return { end: comment.lastIndex, trim: commented[1] === '-' }
  tokens.push({ kind: 'open' })
  for (;;) {
    const space = /\s*/y
    space.lastIndex = at
    const spaced = (space.exec(source)?.[0].length ?? 0) > 0
    at = space.lastIndex
    const trim = spaced && source.startsWith('-}}', at)
    if (trim || source.startsWith('}}', at)) {
      tokens.push({ kind: 'close' })
      return { end: at + (trim ? 3 : 2), trim }
    }
    if (at >= source.length) throw templateError('unclosed action')
    const [token, end] = readToken(source, at, spaced)
    tokens.push(token)
    at = end
  }
}

function readToken(source: string, at: number, spaced: boolean): readonly [Token, number] {
  for (const [pattern, make] of patterns) {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (match) return [make(match, spaced), pattern.lastIndex]
  }
  if (source[at] === '"') throw templateError('unterminated quoted string')
  throw templateError(`unexpected ${JSON.stringify(source[at])} in command`)
}
