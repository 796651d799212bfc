import { hidePasswords } from '../util/hide-passwords.ts'
import { escapeControl, failure } from '../util/errors.ts'
import type { MilleError } from '../util/errors.ts'
import type { SourceRange, Warning } from './ast.ts'

export type ProblemKind =
  /** Found by running it. */
  | 'build'
  | 'directive'
  | 'encoding'
  | 'heredoc'
  | 'invalid-value'
  | 'limit'
  | 'missing-argument'
  | 'not-allowed'
  | 'stage'
  | 'structure'
  | 'syntax'
  | 'unknown-flag'
  | 'unknown-instruction'
  | 'unsupported-flag'
  | 'variable'

/** One error in a Dockerfile, as data; lines and columns count from 1. */
export interface Problem {
  readonly file: string
  /** Where the caret stands. */
  readonly line: number
  readonly column: number
  /** Columns under the caret, at least 1. */
  readonly length: number
  /** First and last line of the instruction the problem is in. */
  readonly startLine: number
  readonly endLine: number
  readonly kind: ProblemKind
  readonly message: string
  readonly suggestion?: string
}

export interface ProblemOptions {
  /** The instruction around `range`: all its lines get the marker. */
  readonly within?: SourceRange
  readonly suggestion?: string | undefined
}

export function problemAt(
  file: string,
  range: SourceRange,
  kind: ProblemKind,
  message: string,
  options: ProblemOptions = {},
): Problem {
  const { start, end } = range
  const within = options.within ?? range
  return {
    file,
    line: start.line,
    column: start.column,
    length: end.line === start.line ? Math.max(1, end.column - start.column) : Infinity,
    startLine: Math.min(within.start.line, start.line),
    endLine: Math.max(within.end.line, start.line),
    kind,
    message,
    ...(options.suggestion === undefined ? {} : { suggestion: options.suggestion }),
  }
}

const shownProblems = 20

/**
 * The error to throw for `problems` (at least one): all of them shown in file order, the first decides the code:
 * DOCKERFILE_FLAG_UNSUPPORTED for a flag of a later version, else DOCKERFILE_INVALID. `details` has the problems and
 * the warnings as data.
 */
export function invalidDockerfile(
  problems: readonly Problem[],
  source: string,
  warnings: readonly Warning[] = [],
): MilleError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const lines = splitSource(source)
  const shown = sorted.slice(0, shownProblems).map((problem) => renderLines(problem, lines))
  if (sorted.length > shownProblems) shown.push(`… and ${sorted.length - shownProblems} more errors`)
  const unsupported = sorted[0]?.kind === 'unsupported-flag'
  const code = unsupported ? 'DOCKERFILE_FLAG_UNSUPPORTED' : 'DOCKERFILE_INVALID'
  return failure(code, { text: shown.join('\n\n') }, { details: { problems: sorted, warnings } })
}

/** The problems that an error of this folder, or one made from it, has as data. */
export function problemsOf({ details }: MilleError): readonly Problem[] {
  return Array.isArray(details['problems']) ? (details['problems'] as readonly Problem[]) : []
}

/** The warnings that such an error carries: of a file whose only fault are its bases. */
export function warningsOf({ details }: MilleError): readonly Warning[] {
  return Array.isArray(details['warnings']) ? (details['warnings'] as readonly Warning[]) : []
}

const contextLines = 2
const markedLines = 12
const lineWidth = 120

/**
 * `file:line:col`, the source lines with `>` before those of the instruction, a caret line, `error: …`.
 * Control bytes other than tabs are shown as `\xNN`; a long line is cut around the caret.
 */
export function renderProblem(problem: Problem, source: string): string {
  return renderLines(problem, splitSource(source))
}

function splitSource(source: string): string[] {
  return source.split('\n').map((line) => line.replace(/\r$/, ''))
}

function renderLines(problem: Problem, lines: readonly string[]): string {
  const near = (line: number): boolean => Math.abs(line - problem.line) <= markedLines / 2
  const last = Math.min(problem.endLine, lines.length)
  const first = Math.max(1, problem.startLine - contextLines)
  const digits = Math.max(3, String(last + contextLines).length)
  const out = [`${escapeLine(problem.file)}:${problem.line}:${problem.column}`]
  let gap = false
  for (let number = first; number <= Math.min(last + contextLines, lines.length); number++) {
    const marked = number >= problem.startLine && number <= last
    if (marked && last - problem.startLine >= markedLines && !near(number)) {
      if (!gap) out.push(`>${'…'.padStart(digits)} |`)
      gap = true
      continue
    }
    gap = false
    const isEmptyTail = number === lines.length && lines[number - 1] === ''
    if (isEmptyTail && !marked) continue
    const line = hidePasswords(lines[number - 1] ?? '', { sameLength: true })
    const shown = cutLine(line, number === problem.line ? problem : undefined)
    out.push(`${marked ? '>' : ' '}${String(number).padStart(digits)} | ${shown.text}`.trimEnd())
    if (number === problem.line) out.push(`${' '.repeat(digits + 2)}| ${shown.caret}`)
  }
  const hint = problem.suggestion === undefined ? '' : ` (did you mean ${escapeLine(problem.suggestion)}?)`
  out.push(`error: ${escapeLine(hidePasswords(problem.message))}${hint}`)
  return out.join('\n')
}

/** Escapes line by line, so that a newline inside a name cannot fake another line of the message. */
function escapeLine(text: string): string {
  return escapeControl(text).replaceAll('\n', '\\n')
}

function cutLine(line: string, at: Problem | undefined): { text: string; caret: string } {
  const column = Math.min((at?.column ?? 1) - 1, line.length)
  const from = line.length <= lineWidth || column < lineWidth / 2 ? 0 : column - lineWidth / 2
  const to = Math.min(line.length, from + lineWidth)
  const before = (from > 0 ? '…' : '') + escapeControl(line.slice(from, column))
  const length = Math.max(1, Math.min(at?.length ?? 1, to - column))
  const token = escapeControl(line.slice(column, column + length))
  const after = escapeControl(line.slice(column + length, to)) + (to < line.length ? '…' : '')
  const pad = before.replace(/[^\t]/gu, ' ')
  return { text: before + token + after, caret: pad + '^'.repeat(Math.max(1, [...token].length)) }
}
