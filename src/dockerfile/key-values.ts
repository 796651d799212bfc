import type { ArgDeclaration, KeyValue } from './ast.ts'
import { reportAt, reportInstruction, restOf, splitQuoted, toWord } from './instruction-body.ts'
import type { InstructionBody, Span } from './instruction-body.ts'
import { rangeOf } from './logical-line.ts'

export interface KeyValues {
  readonly pairs: readonly KeyValue[]
  readonly legacy: boolean
}

/** `name=value …`, or the legacy `name value` of ENV and LABEL (B26, B27). */
export function parseKeyValues(body: InstructionBody): KeyValues | undefined {
  const words = splitQuoted(body)
  const [first] = words
  if (first === undefined) return reportInstruction(body, 'missing-argument', `${body.name} needs name=value`)
  if (!first.text.includes('=')) return parseLegacy(body, first)
  const pairs = words.flatMap((word) => parsePair(body, word) ?? [])
  return { pairs, legacy: false }
}

function parseLegacy(body: InstructionBody, first: Span): KeyValues | undefined {
  // The legacy name ends at the first space, whatever the quotes say.
  const space = body.line.text.slice(first.from).search(/\s/)
  const name = space < 0 ? first : cutSpan(first, first.from, first.from + space)
  const rest = restOf(body, name.to)
  if (rest.text === '') {
    const example = `${body.name} ${first.text.slice(0, 40)}=…`
    return reportAt(body, first, 'missing-argument', `${body.name} needs a value: write ${example}`)
  }
  const range = rangeOf(body.line, name.from, rest.to)
  return { pairs: [{ name: toWord(body, name), value: toWord(body, rest), range }], legacy: true }
}

function cutSpan(span: Span, from: number, to: number): Span {
  return { text: span.text.slice(from - span.from, to - span.from), from, to }
}

function parsePair(body: InstructionBody, word: Span): KeyValue | undefined {
  const equals = word.text.indexOf('=')
  if (equals < 0) {
    const message = `cannot find = in "${word.text}": ${body.name} needs name=value; quote a value with spaces`
    return reportAt(body, word, 'syntax', message)
  }
  if (equals === 0) return reportAt(body, word, 'syntax', `the name in "${word.text}" is empty`)
  const name = toWord(body, cutSpan(word, word.from, word.from + equals))
  const value = toWord(body, cutSpan(word, word.from + equals + 1, word.to))
  return { name, value, range: rangeOf(body.line, word.from, word.to) }
}

/** `ARG name name=default …` (B21). */
export function parseArgDeclarations(body: InstructionBody): readonly ArgDeclaration[] | undefined {
  const words = splitQuoted(body)
  if (words.length === 0) return reportInstruction(body, 'missing-argument', 'ARG needs a name')
  return words.flatMap((word) => {
    if (word.text.includes('=')) return parsePair(body, word) ?? []
    const name = toWord(body, word)
    return [{ name, range: name.range }]
  })
}
