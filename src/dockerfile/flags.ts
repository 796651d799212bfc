import { suggest } from '../util/suggest.ts'
import type { Word } from './ast.ts'
import { endOfWord, reportAt, skipSpace, toWord } from './instruction-body.ts'
import type { InstructionBody } from './instruction-body.ts'

/** Flags each instruction takes, and those of Dockerfile syntax that mille does not take yet. */
const flagsOf: Readonly<
  Record<string, { readonly known: readonly string[]; readonly later: readonly string[] }>
> = {
  ADD: { known: ['checksum', 'chmod', 'chown'], later: ['exclude', 'keep-git-dir', 'link', 'unpack'] },
  COPY: { known: ['chmod', 'chown', 'from'], later: ['exclude', 'link', 'parents'] },
  FROM: { known: ['platform'], later: [] },
  HEALTHCHECK: { known: ['interval', 'retries', 'start-interval', 'start-period', 'timeout'], later: [] },
  RUN: { known: [], later: ['device', 'mount', 'network', 'security'] },
}

export interface Flags {
  readonly values: ReadonlyMap<string, Word>
  /** Offset behind the last flag. */
  readonly rest: number
}

/** Reads `--name=value` words before the arguments and reports those the instruction does not have. */
export function readFlags(body: InstructionBody): Flags {
  const { text } = body.line
  const values = new Map<string, Word>()
  const spec = flagsOf[body.name]
  let at = skipSpace(text, body.from)
  if (spec === undefined) return { values, rest: at }
  while (text.startsWith('--', at)) {
    const to = endOfWord(text, at, body.escape)
    const flag = { text: text.slice(at, to), from: at, to }
    at = skipSpace(text, to)
    if (flag.text === '--') break
    const equals = flag.text.indexOf('=')
    const name = flag.text.slice(2, equals < 0 ? undefined : equals)
    const nameSpan = { from: flag.from, to: flag.from + 2 + name.length }
    if (spec.later.includes(name)) {
      const message = `${body.name} --${name} is not supported yet: it comes with a later version of mille`
      reportAt(body, nameSpan, 'unsupported-flag', message)
    } else if (!spec.known.includes(name)) {
      const near = suggest(name, [...spec.known, ...spec.later])
      const suggestion = near === undefined ? undefined : `--${near}`
      reportAt(body, nameSpan, 'unknown-flag', `unknown flag --${name} of ${body.name}`, suggestion)
    } else if (values.has(name)) {
      reportAt(body, nameSpan, 'not-allowed', `flag --${name} is given twice`)
    } else if (equals < 0 || equals === flag.text.length - 1) {
      reportAt(body, nameSpan, 'missing-argument', `flag --${name} needs a value: --${name}=…`)
    } else {
      values.set(name, toWord(body, { text: flag.text.slice(equals + 1), from: flag.from + equals + 1, to }))
    }
  }
  return { values, rest: at }
}
