import { failure } from '../../util/errors.ts'
import { interpolate, InterpolationProblem, type Lookup } from './interpolate.ts'

/** A name without `=` has no value of its own: null. */
export type Variables = Map<string, string | null>

interface DotenvOptions {
  readonly file: string
  /** What variables in values stand for, besides those that the file itself has above. */
  readonly lookup: Lookup
}

/**
 * Reads `KEY=value` lines as compose does: `export`, comments, `KEY: value`; single quotes keep everything, double quotes
 * know escapes, both may hold several lines; variables are filled in outside of single quotes. Errors: COMPOSE_ENV_FILE with
 * the line. Source: compose-spec, "env_file".
 */
export function parseDotenv(text: string, { file, lookup }: DotenvOptions): Variables {
  const variables: Variables = new Map()
  const known: Lookup = (name) => lookup(name) ?? variables.get(name) ?? undefined
  const source = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  let at = 0
  const fail = (reason: string): Error =>
    failure('COMPOSE_ENV_FILE', { file, line: source.slice(0, at).split('\n').length, reason })
  const fill = (value: string): string => {
    try {
      return interpolate(value, { lookup: known })
    } catch (error) {
      if (!(error instanceof InterpolationProblem)) throw error
      throw fail(error.isFormat ? `invalid template: "${error.message}"` : error.message)
    }
  }
  while (at < source.length) {
    const line = lineAt(source, at)
    const [head, name = '', separator = ''] =
      /^[ \t]*(?:export[ \t]+)?([^\s=:#'"]+)[ \t]*([=:]?)[ \t]*/.exec(line) ?? []
    if (head === undefined) {
      if (!/^\s*(#.*)?$/.test(line)) throw fail(`unexpected character in variable name near "${line.trim()}"`)
      at += line.length + 1
      continue
    }
    const rest = line.slice(head.length)
    if (separator === '') {
      if (rest !== '' && !rest.startsWith('#')) throw fail(`variable '${name} ${rest}' contains whitespace`)
      variables.set(name, null)
      at += line.length + 1
      continue
    }
    const quote = /^['"]/.exec(rest)?.[0]
    if (quote === undefined) {
      variables.set(name, fill(rest.replace(/(^|\s)#.*$/, '').trimEnd()))
      at += line.length + 1
      continue
    }
    const start = at + head.length + 1
    const end = endOfQuote(source, start, quote)
    if (end < 0) throw fail(`unterminated quoted value ${lineAt(source, start - 1)}`)
    const value = source.slice(start, end)
    variables.set(name, quote === "'" ? value : fill(unescape(value)))
    at = end + 1
    at += lineAt(source, at).length + 1
  }
  return variables
}

/** Lines as they are: nothing is taken away or filled in. Docker's `--env-file`. */
export function parseRawEnv(text: string): Variables {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const at = line.indexOf('=')
      return at < 0 ? [line, null] : [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}

function lineAt(text: string, at: number): string {
  const end = text.indexOf('\n', at)
  return text.slice(at, end < 0 ? undefined : end)
}

function endOfQuote(text: string, start: number, quote: string): number {
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === '\\' && quote === '"') at += 1
    else if (text[at] === quote) return at
  }
  return -1
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$$' }

function unescape(value: string): string {
  return value.replace(/\\(.)/gs, (all, letter: string) => escapes[letter] ?? all)
}
