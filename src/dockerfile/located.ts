import { isMilleError } from '../util/errors.ts'
import type { MilleError } from '../util/errors.ts'
import type { Dockerfile, Instruction, SourceRange, Word } from './ast.ts'
import { expandWord, expandWords, placeOfError } from './expand.ts'
import type { Lookup } from './expand.ts'
import { limits } from './limits.ts'
import { placeIn } from './logical-line.ts'
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
  const value = locate(dockerfile, within, word, () =>
    expandWord(word.text, lookup, dockerfile.directives.escape),
  )
  spend(dockerfile, within, value.length)
  return value
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
    const isLimit = error.code === 'DOCKERFILE_LIMIT'
    const { offset, length } = placeOfError(error)
    const at = isLimit ? word.range : placeIn(word, offset, length)
    throw dockerfileError(dockerfile, within, at, isLimit ? 'limit' : 'variable', error.message)
  }
}

const spent = new WeakMap<Source, number>()

/**
 * Counts characters that a build makes of a Dockerfile: expanded values, the environment of each step, history. A few
 * lines could ask for more than a machine has. Errors: DOCKERFILE_INVALID.
 */
export function spend(dockerfile: Source, within: Pick<Instruction, 'range'>, length: number): void {
  const total = (spent.get(dockerfile) ?? 0) + length
  spent.set(dockerfile, total)
  if (total <= limits.expandedLength) return
  const message = `variables and history of this Dockerfile come to more than ${limits.expandedLength} characters`
  throw dockerfileError(dockerfile, within, within.range, 'limit', message)
}
