import type { SourceRange, Word } from './ast.ts'
import { findSyntaxError } from './expand.ts'
import { placeIn, rangeOf } from './logical-line.ts'
import type { LogicalLine } from './logical-line.ts'
import { matchAt } from './match-at.ts'
import type { ProblemKind } from './problem.ts'
import type { Reporter } from './reporter.ts'

/** What stands behind the keyword of one instruction, and where errors in it go. */
export interface InstructionBody {
  readonly line: LogicalLine
  /** Upper case. */
  readonly name: string
  /** Offset in `line.text` of the first argument. */
  readonly from: number
  readonly escape: string
  readonly reporter: Reporter
}

/** A piece of the line with its offsets. */
export interface Span {
  readonly text: string
  readonly from: number
  readonly to: number
}

export function reportAt(
  body: InstructionBody,
  span: { readonly from: number; readonly to: number } | SourceRange,
  kind: ProblemKind,
  message: string,
  suggestion?: string,
): undefined {
  const range = 'from' in span ? rangeOf(body.line, span.from, span.to) : span
  body.reporter.report(range, kind, message, { within: body.line.range, suggestion })
}

/** Reports against the keyword: nothing behind it is to blame. */
export function reportInstruction(body: InstructionBody, kind: ProblemKind, message: string): undefined {
  return reportAt(body, { from: 0, to: body.line.text.search(/\s|$/) }, kind, message)
}

/** The arguments as one piece, without the space around them. */
export function restOf(body: InstructionBody, from: number = body.from): Span {
  const { text } = body.line
  const start = skipSpace(text, from)
  const rest = text.slice(start).trimEnd()
  return { text: rest, from: start, to: start + rest.length }
}

export function skipSpace(text: string, from: number): number {
  return from + matchAt(/\s+/y, text, from).length
}

/** Splits at whitespace; quotes mean nothing (COPY, EXPOSE, FROM …). */
export function splitPlain(body: InstructionBody, from: number = body.from): Span[] {
  return [...body.line.text.slice(from).matchAll(/\S+/g)].map((match) => {
    const start = from + match.index
    return { text: match[0], from: start, to: start + match[0].length }
  })
}

/** Splits at whitespace outside quotes, keeping quotes and escapes (ENV, LABEL, ARG). */
export function splitQuoted(body: InstructionBody, from: number = body.from): Span[] {
  const { text } = body.line
  const spans: Span[] = []
  let at = skipSpace(text, from)
  while (at < text.length) {
    const to = endOfWord(text, at, body.escape)
    spans.push({ text: text.slice(at, to), from: at, to })
    at = skipSpace(text, to)
  }
  return spans
}

/** What neither ends nor quotes a word, nor may be an escape character. */
const ordinary = /[^\s"'\\`]+/y

/** Where the word that begins at `from` ends: at whitespace outside quotes. */
export function endOfWord(text: string, from: number, escape: string): number {
  let quote = ''
  let at = from
  for (; at < text.length; at++) {
    at += matchAt(ordinary, text, at).length
    const char = text.charAt(at)
    if (quote === '' && /\s/.test(char)) break
    if (char === escape && quote !== "'") at++
    else if (quote === '' && (char === '"' || char === "'")) quote = char
    else if (char === quote) quote = ''
  }
  return Math.min(at, text.length)
}

/** Makes a word that will be expanded, and reports open quotes and braces in it. */
export function toWord(body: InstructionBody, span: Span): Word {
  const word = wordAt(body, span)
  const error = findSyntaxError(span.text, body.escape)
  if (error !== undefined) reportAt(body, placeIn(word, error.offset, error.length), 'variable', error.reason)
  return word
}

function wordAt({ line }: InstructionBody, { text, from, to }: Span): Word {
  const range = rangeOf(line, from, to)
  if (range.start.line === range.end.line) return { text, range }
  const further = line.segments.filter(({ offset }) => offset > from && offset < to)
  return { text, range, breaks: further.map((segment) => ({ ...segment, offset: segment.offset - from })) }
}

/**
 * The strings of a JSON array, decoded, with their places; undefined when the text is anything else: then the
 * instruction is in shell form (B08).
 */
export function parseJsonStrings(rest: Span): Span[] | undefined {
  if (!rest.text.startsWith('[')) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(rest.text)
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed) || !parsed.every((item) => typeof item === 'string')) return undefined
  const places = [...rest.text.matchAll(/"(?:[^"\\]|\\.)*"/g)]
  return parsed.map((text, index) => {
    const place = places[index]
    const from = rest.from + (place?.index ?? 0)
    return { text, from, to: from + (place?.[0].length ?? 1) }
  })
}

/** May the value not be judged before variables are known? */
export function hasVariable(text: string): boolean {
  return text.includes('$')
}
