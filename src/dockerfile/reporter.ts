import type { SourceRange } from './ast.ts'
import { problemAt } from './problem.ts'
import type { Problem, ProblemKind, ProblemOptions } from './problem.ts'

/** Collects the problems of one parse. Past `enough` further ones are dropped: a hostile file must not fill memory. */
export interface Reporter {
  readonly file: string
  readonly problems: readonly Problem[]
  report(range: SourceRange, kind: ProblemKind, message: string, options?: ProblemOptions): void
  add(problem: Problem): void
}

const enough = 1000

export function createReporter(file: string): Reporter {
  const problems: Problem[] = []
  const add = (problem: Problem): void => {
    if (problems.length < enough) problems.push(problem)
  }
  return {
    file,
    problems,
    add,
    report: (range, kind, message, options = {}) => add(problemAt(file, range, kind, message, options)),
  }
}
