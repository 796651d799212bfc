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
  /** Other lines that have part in it, first and last of each instruction. */
  readonly related?: readonly (readonly [startLine: number, endLine: number])[]
}

export interface ProblemOptions {
  /** The instruction around `range`: all its lines get the marker. */
  readonly within?: SourceRange
  readonly suggestion?: string | undefined
  /** Other instructions that have part in it. */
  readonly related?: readonly SourceRange[]
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
  const others = (options.related ?? []).filter((other) => other.start.line !== within.start.line)
  const related = others.map((other) => [other.start.line, other.end.line] as const)
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
    ...(related.length === 0 ? {} : { related }),
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
  const last = Math.min(problem.endLine, lines.length)
  const shown = shownLines(problem, lines)
  const digits = Math.max(3, String(shown.at(-1) ?? 0).length)
  const out = [`${escapeLine(problem.file)}:${problem.line}:${problem.column}`]
  let before: number | undefined
  for (const number of shown) {
    const isMarked =
      (number >= problem.startLine && number <= last) ||
      (problem.related ?? []).some(([start, end]) => number >= start && number <= end)
    const isGap = before !== undefined && number > before + 1
    if (isGap) out.push(`${isMarked ? '>' : ' '}${'…'.padStart(digits)} |`)
    before = number
    const line = hidePasswords(lines[number - 1] ?? '', { sameLength: true })
    const { text, caret } = cutLine(line, number === problem.line ? problem : undefined)
    out.push(`${isMarked ? '>' : ' '}${String(number).padStart(digits)} | ${text}`.trimEnd())
    if (number === problem.line) out.push(`${' '.repeat(digits + 2)}| ${caret}`)
  }
  const hint = problem.suggestion === undefined ? '' : ` (did you mean ${escapeLine(problem.suggestion)}?)`
  out.push(`error: ${escapeLine(hidePasswords(problem.message))}${hint}`)
  return out.join('\n')
}

/** The numbers of the lines to show: the instruction with lines around it, of a long one those near the caret. */
function shownLines(problem: Problem, lines: readonly string[]): number[] {
  const { startLine, endLine, line, related = [] } = problem
  const last = Math.min(endLine, lines.length)
  const isLong = last - startLine >= markedLines
  const shown = new Set<number>()
  const add = (from: number, to: number): void => {
    for (let number = Math.max(1, from); number <= Math.min(to, lines.length); number++) shown.add(number)
  }
  add(startLine - contextLines, isLong ? startLine - 1 : last + contextLines)
  if (isLong) {
    add(Math.max(startLine, line - markedLines / 2), Math.min(last, line + markedLines / 2))
    add(last + 1, last + contextLines)
  }
  for (const [start, end] of related.slice(0, markedLines)) add(start, Math.min(end, start + markedLines / 2))
  const isEmptyEnd = lines.at(-1) === '' && last < lines.length
  if (isEmptyEnd) shown.delete(lines.length)
  return [...shown].toSorted((a, b) => a - b)
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
