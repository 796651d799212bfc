import type { Problem } from '../../dockerfile/problem.ts'

/** A problem of a Dockerfile as fields (reliability, table D). */
export function problemJson(problem: Problem): unknown {
  const { file, line, column, startLine, endLine, kind, message, suggestion } = problem
  return {
    file,
    line,
    column,
    startLine,
    endLine,
    kind,
    message,
    ...(suggestion === undefined ? {} : { suggestion }),
  }
}
