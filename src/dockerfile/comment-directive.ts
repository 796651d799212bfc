import type { UnsetInstruction, UnsetTarget } from './ast.ts'
import { hasVariable, reportAt, reportInstruction, splitQuoted, toWord } from './instruction-body.ts'
import type { InstructionBody, Span } from './instruction-body.ts'
import { rangeOf } from './logical-line.ts'
import type { LogicalLine } from './logical-line.ts'
import type { Reporter } from './reporter.ts'
import { everyName, readUnset } from './unset.ts'

const unsetDirective = 'mille:unset'

/** Where the words of a comment for mille begin (`# mille:unset …`); undefined for all other lines. */
export function directiveStart(line: string): number | undefined {
  const match = /^\s*#[ \t]*(?=mille:\w)/i.exec(line)
  return match?.[0].length
}

/** Parses such a comment; undefined when it is wrong, which the reporter then knows. */
export function parseCommentDirective(
  line: LogicalLine,
  escape: string,
  reporter: Reporter,
): UnsetInstruction | undefined {
  const keyword = /^\S+/.exec(line.text)?.[0] ?? ''
  const body: InstructionBody = { line, name: unsetDirective, from: keyword.length, escape, reporter }
  if (keyword !== unsetDirective) {
    // only the colon makes it mille's: what follows can be nothing else
    const span = { from: 0, to: keyword.length }
    return reportAt(body, span, 'directive', `unknown directive "${keyword}"`, unsetDirective)
  }
  const words = splitQuoted(body)
  if (words.length === 0) {
    const message = `${unsetDirective} needs a setting, like volume=/data or entrypoint`
    return reportInstruction(body, 'missing-argument', message)
  }
  const targets = words.flatMap((word) => parseTarget(body, word) ?? [])
  const { text, range, heredocs } = line
  return { kind: 'UNSET', keyword, text, range, heredocs, targets }
}

function parseTarget(body: InstructionBody, word: Span): UnsetTarget | undefined {
  const equals = word.text.indexOf('=')
  const end = equals < 0 ? word.to : word.from + equals
  const setting: Span = { text: word.text.slice(0, end - word.from), from: word.from, to: end }
  const name: Span | undefined =
    equals < 0 ? undefined : { text: word.text.slice(equals + 1), from: end + 1, to: word.to }
  // a name with quotes or variables is judged once they are replaced
  const isOpen = name !== undefined && (hasVariable(name.text) || /["'\\`]/.test(name.text))
  const found = readUnset(setting.text, isOpen ? everyName : name?.text)
  if ('reason' in found) {
    const blamed = found.part === 'name' ? (name ?? setting) : setting
    return reportAt(body, blamed, 'invalid-value', found.reason, found.suggestion)
  }
  const range = rangeOf(body.line, word.from, word.to)
  return { setting: found.setting, range, ...(name && { name: toWord(body, name) }) }
}
