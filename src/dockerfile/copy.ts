import type { CopySource, Word } from './ast.ts'
import type { Flags } from './flags.ts'
import { checkCommit, parseGitReference } from './git-reference.ts'
import {
  hasVariable,
  parseJsonStrings,
  reportAt,
  reportInstruction,
  restOf,
  splitPlain,
  toWord,
} from './instruction-body.ts'
import type { InstructionBody, Span } from './instruction-body.ts'
import { rangeOf } from './logical-line.ts'
import { checkChecksum, checkMode, checkOwner, checkPattern } from './values.ts'
import type { Fault } from './values.ts'

export interface CopyParts {
  readonly sources: readonly CopySource[]
  readonly destination: Word
  readonly chown?: Word
  readonly chmod?: Word
  readonly checksum?: Word
  readonly from?: Word
  readonly exclude?: readonly Word[]
  readonly parents?: boolean
  readonly link?: boolean
  readonly unpack?: boolean
  readonly keepGitDir?: boolean
}

/** Sources, destination and flags of COPY and ADD. */
export function parseCopy(body: InstructionBody, flags: Flags): CopyParts | undefined {
  const json = parseJsonStrings(restOf(body, flags.rest))
  const spans = json ?? splitPlain(body, flags.rest)
  const destination = spans.at(-1)
  if (spans.length < 2 || destination === undefined) {
    return reportInstruction(body, 'missing-argument', `${body.name} needs a source and a destination`)
  }
  const sources = spans.slice(0, -1).map((span) => toSource(body, span))
  if (heredocAt(body, destination) !== undefined) {
    return reportAt(body, destination, 'syntax', `${body.name} needs a destination behind the heredoc`)
  }
  if (destination.text === '') return reportAt(body, destination, 'invalid-value', 'the destination is empty')
  if (sources.length > 1 && !hasVariable(destination.text) && !/(^|\/)\.{0,2}"?$/.test(destination.text)) {
    const message = `several sources need a destination folder ending in /: write ${destination.text}/`
    reportAt(body, destination, 'invalid-value', message)
  }
  checkFlag(body, flags.values.get('chmod'), checkMode)
  checkFlag(body, flags.values.get('chown'), checkOwner)
  for (const pattern of flags.lists.get('exclude') ?? []) checkFlag(body, pattern, checkPattern)
  if (body.name === 'ADD') checkAddChecksum(body, flags.values.get('checksum'), sources)
  return {
    sources,
    destination: toWord(body, destination),
    ...Object.fromEntries<unknown>([...flags.values, ...flags.lists]),
    ...Object.fromEntries<unknown>([...flags.toggles].map(([name, value]) => [camelCase(name), value])),
  }
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function toSource(body: InstructionBody, span: Span): CopySource {
  const heredoc = heredocAt(body, span)
  if (heredoc !== undefined) return { kind: 'heredoc', heredoc }
  if (span.text === '') reportAt(body, span, 'invalid-value', 'the source is empty')
  return { kind: 'path', word: toWord(body, span) }
}

function heredocAt(
  body: InstructionBody,
  span: Span,
): InstructionBody['line']['heredocs'][number] | undefined {
  const { start } = rangeOf(body.line, span.from, span.to)
  return body.line.heredocs.find(
    ({ range }) => range.start.line === start.line && range.start.column === start.column,
  )
}

function checkFlag(
  body: InstructionBody,
  word: Word | undefined,
  check: (text: string) => Fault | undefined,
): void {
  if (word === undefined || hasVariable(word.text)) return
  const fault = check(word.text.replace(/^(["'])(.*)\1$/, '$2'))
  if (fault !== undefined) reportAt(body, word.range, 'invalid-value', fault.reason, fault.suggestion)
}

function checkAddChecksum(
  body: InstructionBody,
  checksum: Word | undefined,
  sources: readonly CopySource[],
): void {
  if (checksum === undefined) return
  const [source] = sources
  if (sources.length !== 1) {
    reportAt(body, checksum.range, 'not-allowed', 'ADD --checksum is for one source only')
    return
  }
  const text = source?.kind === 'path' ? source.word.text : ''
  if (!hasVariable(text) && parseGitReference(text) !== undefined)
    return checkFlag(body, checksum, checkCommit)
  if (source?.kind === 'heredoc' || !(hasVariable(text) || /^https?:\/\//i.test(text))) {
    reportAt(
      body,
      checksum.range,
      'not-allowed',
      'ADD --checksum is for http, https and git sources, not for local files',
    )
    return
  }
  if (!hasVariable(text)) checkFlag(body, checksum, checkChecksum)
}
