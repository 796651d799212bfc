import { isMilleError } from '../util/errors.ts'
import type { MilleError } from '../util/errors.ts'
import type { Dockerfile, Instruction, SourceRange, Word } from './ast.ts'
import { expandWord, expandWords } from './expand.ts'
import type { Lookup } from './expand.ts'
import { invalidDockerfile, problemAt } from './problem.ts'
import type { ProblemKind } from './problem.ts'

type Source = Pick<Dockerfile, 'fileName' | 'source'>

/** A DOCKERFILE_INVALID error for something found after parsing, in the same form, marking `within` entirely. */
export function dockerfileError(
  dockerfile: Source,
  within: Pick<Instruction, 'range'>,
  at: SourceRange,
  kind: ProblemKind,
  message: string,
  suggestion?: string,
): MilleError {
  const problem = problemAt(dockerfile.fileName, at, kind, message, { within: within.range, suggestion })
  return invalidDockerfile([problem], dockerfile.source)
}

/** `expandWord` whose errors name the line. Errors: DOCKERFILE_INVALID. */
export function expandAt(dockerfile: Dockerfile, within: Instruction, word: Word, lookup: Lookup): string {
  return locate(dockerfile, within, word, () => expandWord(word.text, lookup, dockerfile.directives.escape))
}

/** `expandWords` whose errors name the line. Errors: DOCKERFILE_INVALID. */
export function expandWordsAt(
  dockerfile: Dockerfile,
  within: Instruction,
  word: Word,
  lookup: Lookup,
): string[] {
  return locate(dockerfile, within, word, () => expandWords(word.text, lookup, dockerfile.directives.escape))
}

function locate<Value>(dockerfile: Dockerfile, within: Instruction, word: Word, expand: () => Value): Value {
  try {
    return expand()
  } catch (error) {
    if (!isMilleError(error, 'DOCKERFILE_VARIABLE', 'DOCKERFILE_LIMIT')) throw error
    const { offset } = error.details
    const { start, end } = word.range
    const isInside = start.line === end.line && typeof offset === 'number'
    const at = isInside ? { start: { ...start, column: start.column + offset }, end } : word.range
    const kind = error.code === 'DOCKERFILE_LIMIT' ? 'limit' : 'variable'
    throw dockerfileError(dockerfile, within, at, kind, error.message)
  }
}
