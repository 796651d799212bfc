import type { HealthcheckInstruction, Word } from './ast.ts'
import { suggest } from '../util/suggest.ts'
import { parseCommand } from './commands.ts'
import type { Flags } from './flags.ts'
import {
  hasVariable,
  parseJsonStrings,
  reportAt,
  reportInstruction,
  restOf,
  splitPlain,
  toWord,
} from './instruction-body.ts'
import type { InstructionBody } from './instruction-body.ts'
import { checkSignal, parseDuration, parsePorts } from './values.ts'

/** The whole rest of the line as one word (WORKDIR, USER, STOPSIGNAL). */
export function parseOneWord(body: InstructionBody, what: string): Word | undefined {
  const rest = restOf(body)
  if (rest.text === '') return reportInstruction(body, 'missing-argument', `${body.name} needs ${what}`)
  if (/^(""|'')$/.test(rest.text))
    return reportAt(body, rest, 'missing-argument', `${body.name} needs ${what}: it is empty`)
  return toWord(body, rest)
}

export function parseStopsignal(body: InstructionBody): Word | undefined {
  const word = parseOneWord(body, 'a signal')
  if (word === undefined || hasVariable(word.text)) return word
  const fault = checkSignal(word.text.replace(/^(["'])(.*)\1$/, '$2'))
  return fault === undefined
    ? word
    : reportAt(body, word.range, 'invalid-value', fault.reason, fault.suggestion)
}

/** JSON or plain words (VOLUME). */
export function parseVolumes(body: InstructionBody): readonly Word[] | undefined {
  const spans = parseJsonStrings(restOf(body)) ?? splitPlain(body)
  if (spans.length === 0) return reportInstruction(body, 'missing-argument', 'VOLUME needs a path')
  const empty = spans.find(({ text }) => text.trim() === '')
  if (empty !== undefined) return reportAt(body, empty, 'invalid-value', 'the path of a volume is empty')
  return spans.map((span) => toWord(body, span))
}

export function parseExpose(body: InstructionBody): readonly Word[] | undefined {
  const spans = splitPlain(body)
  if (spans.length === 0) return reportInstruction(body, 'missing-argument', 'EXPOSE needs a port')
  return spans.map((span) => {
    const word = toWord(body, span)
    if (hasVariable(span.text)) return word
    const ports = parsePorts(span.text.replaceAll(/["']/g, ''))
    if ('reason' in ports) reportAt(body, span, 'invalid-value', ports.reason, ports.suggestion)
    return word
  })
}

type HealthcheckParts = Pick<
  HealthcheckInstruction,
  'command' | 'interval' | 'timeout' | 'startPeriod' | 'startInterval' | 'retries'
>

export function parseHealthcheck(body: InstructionBody, flags: Flags): HealthcheckParts | undefined {
  const [type] = splitPlain(body, flags.rest)
  if (type === undefined) {
    return reportInstruction(body, 'missing-argument', 'HEALTHCHECK needs CMD and a command, or NONE')
  }
  const name = type.text.toUpperCase()
  if (name === 'NONE') {
    const rest = restOf(body, type.to)
    if (rest.text !== '') return reportAt(body, rest, 'not-allowed', 'HEALTHCHECK NONE takes no arguments')
    return {}
  }
  if (name !== 'CMD') {
    const suggestion = suggest(name, ['CMD', 'NONE']) ?? 'CMD'
    return reportAt(body, type, 'invalid-value', `unknown kind "${type.text}" of HEALTHCHECK`, suggestion)
  }
  const rest = restOf(body, type.to)
  if (rest.text === '') return reportAt(body, type, 'missing-argument', 'HEALTHCHECK CMD needs a command')
  const command = parseCommand(body, type.to)
  const parts = {
    ...(command === undefined ? {} : { command }),
    ...readTime(body, flags, 'interval', 'interval'),
    ...readTime(body, flags, 'timeout', 'timeout'),
    ...readTime(body, flags, 'start-period', 'startPeriod'),
    ...readTime(body, flags, 'start-interval', 'startInterval'),
  }
  const retries = readRetries(body, flags.values.get('retries'))
  return { ...parts, ...(retries === undefined ? {} : { retries }) }
}

function readTime(
  body: InstructionBody,
  flags: Flags,
  flag: string,
  field: keyof HealthcheckParts,
): HealthcheckParts {
  const word = flags.values.get(flag)
  if (word === undefined) return {}
  const value = parseDuration(word.text)
  if (typeof value === 'number') return { [field]: value }
  reportAt(body, word.range, 'invalid-value', `--${flag}: ${value.reason}`)
  return {}
}

function readRetries(body: InstructionBody, word: Word | undefined): number | undefined {
  if (word === undefined) return undefined
  if (/^\+?\d{1,9}$/.test(word.text)) return Number(word.text)
  const reason = /^-\d+$/.test(word.text) ? 'must not be negative' : `"${word.text}" is not a whole number`
  return reportAt(body, word.range, 'invalid-value', `--retries: ${reason}`)
}
