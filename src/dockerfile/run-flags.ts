import { suggest } from '../util/suggest.ts'
import type { MountField, RunChoice, RunInstruction, RunMountFlag, SourceRange, Word } from './ast.ts'
import type { Flags, FlagWord } from './flags.ts'
import { hasVariable, reportAt } from './instruction-body.ts'
import type { InstructionBody, Span } from './instruction-body.ts'
import { rangeOf } from './logical-line.ts'
import { checkField, readMount } from './run-mount.ts'
import type { MountFault } from './run-mount.ts'

/** `--mount`, `--network` and `--security` of RUN; reports what is wrong whatever the variables are (D-F22, D-F24). */
export function parseRunFlags(
  body: InstructionBody,
  { values, lists }: Flags,
): Pick<RunInstruction, 'mounts' | 'network' | 'security'> {
  const mounts = (lists.get('mount') ?? []).map((word) => parseMount(body, word))
  const network = choose(body, 'network mode', values.get('network'), ['default', 'none', 'host'])
  const security = choose(body, 'security mode', values.get('security'), ['sandbox', 'insecure'])
  return {
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(network === undefined ? {} : { network }),
    ...(security === undefined ? {} : { security }),
  }
}

/** An unknown value never means less isolation (C-B3). */
function choose<const Choice extends string>(
  body: InstructionBody,
  what: string,
  word: Word | undefined,
  choices: readonly Choice[],
): RunChoice<Choice> | undefined {
  if (word === undefined) return undefined
  const value = choices.find((known) => known === word.text)
  if (value !== undefined) return { value, range: word.range }
  const near = suggest(word.text, choices)
  const list = near === undefined ? `: must be ${choices.join(' or ')}` : ''
  return reportAt(body, word.range, 'invalid-value', `invalid ${what} "${word.text}"${list}`, near)
}

function parseMount(body: InstructionBody, span: FlagWord): RunMountFlag {
  const fields = splitFields(unquote(body, span)).map((chars) => toField(body, chars, span))
  const isKnown = ({ value }: MountField): boolean => value === undefined || !hasVariable(value.text)
  const plain = fields.map(({ key, value }) => ({ key: key.text, value: value?.text }))
  if (fields.every(isKnown)) {
    const mount = readMount(plain)
    if ('reason' in mount) reportFault(body, fields, span.range, mount)
  } else {
    for (const [field, one] of plain.entries()) {
      const fault = checkField(one, isKnown(fields[field] ?? { key: span }), plain)
      if (fault !== undefined) reportFault(body, fields, span.range, { ...fault, field })
    }
  }
  return { fields, range: span.range }
}

function reportFault(
  body: InstructionBody,
  fields: readonly MountField[],
  whole: SourceRange,
  fault: MountFault,
): void {
  reportAt(body, faultRange(fields, whole, fault), 'invalid-value', fault.reason, fault.suggestion)
}

/** Where a fault's caret stands. */
export function faultRange(
  fields: readonly MountField[],
  whole: SourceRange,
  { field, part }: MountFault,
): SourceRange {
  const blamed = field === undefined ? undefined : fields[field]
  if (blamed === undefined) return whole
  return part === 'value' && blamed.value !== undefined ? blamed.value.range : blamed.key.range
}

interface Char {
  readonly char: string
  /** Offset in the line. */
  readonly at: number
}

/** Quotes anywhere in a flag are taken off, and an escape makes the next character plain, before fields are split. */
function unquote({ line: { text }, escape }: InstructionBody, { from, to }: Span): Char[] {
  const chars: Char[] = []
  let quote = ''
  for (let at = from; at < to; at++) {
    let char = text.charAt(at)
    if (char === quote) {
      quote = ''
      continue
    }
    if (quote === '' && (char === '"' || char === "'")) {
      quote = char
      continue
    }
    if (char === escape && at + 1 < to) char = text.charAt(++at)
    chars.push({ char, at })
  }
  return chars
}

/** Comma-separated values: a field that begins with a quote may hold commas (`\"source=a,b\"`). */
function splitFields(chars: readonly Char[]): Char[][] {
  const fields: Char[][] = [[]]
  let isQuoted = false
  let isStart = true
  for (const one of chars) {
    if (one.char === '"' && (isStart || isQuoted)) isQuoted = !isQuoted
    else if (one.char === ',' && !isQuoted) fields.push([])
    else fields.at(-1)?.push(one)
    isStart = one.char === ',' && !isQuoted
  }
  return fields
}

function toField(body: InstructionBody, chars: readonly Char[], { from, to }: Span): MountField {
  const equals = chars.findIndex(({ char }) => char === '=')
  const key = wordOf(body, chars.slice(0, equals < 0 ? undefined : equals), { text: '', from, to })
  const name = { ...key, text: key.text.toLowerCase() }
  if (equals < 0) return { key: name }
  const end = (chars[equals]?.at ?? from) + 1
  return { key: name, value: wordOf(body, chars.slice(equals + 1), { text: '', from: end, to: end + 1 }) }
}

/** `empty`: where to point when there are no characters. */
function wordOf(body: InstructionBody, chars: readonly Char[], empty: Span): Word {
  const text = chars.map(({ char }) => char).join('')
  const from = chars[0]?.at ?? empty.from
  const to = chars.length === 0 ? empty.to : (chars.at(-1)?.at ?? from) + 1
  return { text, range: rangeOf(body.line, from, to) }
}
