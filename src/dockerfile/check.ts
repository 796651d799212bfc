import { isMilleError } from '../util/errors.ts'
import type { SourceRange, Warning } from './ast.ts'
import { parseDockerfile, type ParseOptions } from './parser.ts'
import { problemsOf, warningsOf, type Problem } from './problem.ts'

/** Something to say about a place in a Dockerfile, in the form that editors show. */
export interface Finding {
  /** `error`: no build begins. `warning`: `build --check` fails. `hint`: advice, which fails nothing. */
  readonly severity: 'error' | 'warning' | 'hint'
  /** Name of the check rule; of an error its kind (`unknown-instruction`, `missing-argument`, …). */
  readonly rule: string
  readonly message: string
  /** Lines and columns count from 1, columns in UTF-16 units; the end is the place behind the last one. */
  readonly range: SourceRange
  /** To be put in place of `range`. */
  readonly suggestion?: string
  /** Docker's page about the rule. */
  readonly url?: string
}

/**
 * Everything that can be said of a Dockerfile by its text alone, in the order of the file; it never throws for what is in
 * it. `# check=` and `BUILDKIT_DOCKERFILE_CHECK` (as `options.check`) leave rules out, as in a build.
 */
export function check(source: string | Uint8Array, options: ParseOptions = {}): Finding[] {
  const { problems, warnings } = read(source, options)
  const lines = (typeof source === 'string' ? source : Buffer.from(source).toString()).split('\n')
  const errors = problems.map((problem) => ofProblem(problem, lines))
  return [...errors, ...warnings.map(ofWarning)].toSorted(
    ({ range: { start: a } }, { range: { start: b } }) => a.line - b.line || a.column - b.column,
  )
}

function read(
  source: string | Uint8Array,
  options: ParseOptions,
): { readonly problems: readonly Problem[]; readonly warnings: readonly Warning[] } {
  try {
    return { problems: [], warnings: parseDockerfile(source, options).warnings }
  } catch (error) {
    if (!isMilleError(error, 'DOCKERFILE_INVALID', 'DOCKERFILE_FLAG_UNSUPPORTED')) throw error
    return { problems: problemsOf(error), warnings: warningsOf(error) }
  }
}

function ofProblem(
  { line, column, length, kind, message, suggestion }: Problem,
  lines: readonly string[],
): Finding {
  // what goes on over several lines is shown to the end of the first
  const rest = Math.max(1, (lines[line - 1] ?? '').replace(/\r$/, '').length - column + 1)
  const end = { line, column: column + Math.min(length, rest) }
  const range = { start: { line, column }, end }
  return { severity: 'error', rule: kind, message, range, ...(suggestion !== undefined && { suggestion }) }
}

function ofWarning({ rule, message, note, range, suggestion, url, hint }: Warning): Finding {
  return {
    severity: hint === undefined ? 'warning' : 'hint',
    rule,
    message: note === undefined ? message : `${message} (${note})`,
    range,
    ...(suggestion !== undefined && { suggestion }),
    ...(url !== undefined && { url }),
  }
}
