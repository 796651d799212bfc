import { suggest } from '../util/suggest.ts'
import type { Word } from './ast.ts'
import { endOfWord, reportAt, skipSpace, toWord } from './instruction-body.ts'
import type { InstructionBody, Span } from './instruction-body.ts'

/** How a flag is written: `--name=value` once, `--name=value` any number of times, `--name` or `--name=true|false`. */
type FlagForm = 'value' | 'list' | 'toggle'

/** Flags each instruction takes; `later`: those of Dockerfile syntax that mille does not take yet. */
const flagsOf: Readonly<Record<string, Readonly<Record<string, FlagForm | 'later'>>>> = {
  ADD: {
    checksum: 'value',
    chmod: 'value',
    chown: 'value',
    exclude: 'list',
    'keep-git-dir': 'toggle',
    link: 'toggle',
    unpack: 'toggle',
  },
  COPY: {
    chmod: 'value',
    chown: 'value',
    exclude: 'list',
    from: 'value',
    link: 'toggle',
    parents: 'toggle',
  },
  FROM: { platform: 'value' },
  HEALTHCHECK: {
    interval: 'value',
    retries: 'value',
    'start-interval': 'value',
    'start-period': 'value',
    timeout: 'value',
  },
  RUN: { device: 'later', mount: 'list', network: 'value', security: 'value' },
}

/** The value of a flag, with its offsets in the line. */
export type FlagWord = Word & Span

export interface Flags {
  readonly values: ReadonlyMap<string, Word>
  /** Of flags that may be repeated, in the order written. */
  readonly lists: ReadonlyMap<string, readonly FlagWord[]>
  readonly toggles: ReadonlyMap<string, boolean>
  /** Offset behind the last flag. */
  readonly rest: number
}

interface Collected {
  readonly values: Map<string, Word>
  readonly lists: Map<string, FlagWord[]>
  readonly toggles: Map<string, boolean>
}

/** Reads `--name=value` words before the arguments and reports those the instruction does not have. */
export function readFlags(body: InstructionBody): Flags {
  const { text } = body.line
  const found: Collected = { values: new Map(), lists: new Map(), toggles: new Map() }
  const spec = flagsOf[body.name]
  let at = skipSpace(text, body.from)
  if (spec === undefined) return { ...found, rest: at }
  while (text.startsWith('--', at)) {
    const to = endOfWord(text, at, body.escape)
    const flag = { text: text.slice(at, to), from: at, to }
    at = skipSpace(text, to)
    if (flag.text === '--') break
    readFlag(body, spec, flag, found)
  }
  return { ...found, rest: at }
}

function readFlag(
  body: InstructionBody,
  spec: Readonly<Record<string, FlagForm | 'later'>>,
  flag: Span,
  { values, lists, toggles }: Collected,
): void {
  const equals = flag.text.indexOf('=')
  const name = flag.text.slice(2, equals < 0 ? undefined : equals)
  const nameSpan = { from: flag.from, to: flag.from + 2 + name.length }
  const form = Object.hasOwn(spec, name) ? spec[name] : undefined
  const value = equals < 0 ? undefined : flag.text.slice(equals + 1)
  if (form === undefined) {
    const near = suggest(name, Object.keys(spec))
    const suggestion = near === undefined ? undefined : `--${near}`
    reportAt(body, nameSpan, 'unknown-flag', `unknown flag --${name} of ${body.name}`, suggestion)
  } else if (form === 'later') {
    const message = `${body.name} --${name} is not supported yet: it comes with a later version of mille`
    reportAt(body, nameSpan, 'unsupported-flag', message)
  } else if (values.has(name) || toggles.has(name)) {
    reportAt(body, nameSpan, 'not-allowed', `flag --${name} is given twice`)
  } else if (form === 'toggle') {
    if (value !== undefined && !/^(true|false)$/i.test(value)) {
      reportAt(body, flag, 'invalid-value', `flag --${name} is true or false, not "${value}"`)
    }
    toggles.set(name, value?.toLowerCase() !== 'false')
  } else if (value === undefined || value === '') {
    reportAt(body, nameSpan, 'missing-argument', `flag --${name} needs a value: --${name}=…`)
  } else {
    const span = { text: value, from: flag.from + equals + 1, to: flag.to }
    const word = toWord(body, span)
    if (form === 'value') values.set(name, word)
    else lists.set(name, [...(lists.get(name) ?? []), { ...span, ...word }])
  }
}
