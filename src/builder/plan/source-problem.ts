import type { Dockerfile, Instruction, SourceRange } from '../../dockerfile/ast.ts'
import { problemAt, renderProblem } from '../../dockerfile/problem.ts'

/** Where something went wrong: the instruction, shown with its lines. */
export interface Place {
  readonly dockerfile: Pick<Dockerfile, 'fileName' | 'source'>
  readonly instruction: Pick<Instruction, 'range'>
  /** The part to blame; default: the whole instruction. */
  readonly range?: SourceRange
}

/** `file:line:column`, the lines around `place` and `error: message`: for errors that have a code of their own. */
export function renderAt(place: Place, message: string, suggestion?: string): string {
  const { dockerfile, instruction } = place
  const options = { within: instruction.range, suggestion }
  const range = place.range ?? instruction.range
  return renderProblem(
    problemAt(dockerfile.fileName, range, 'invalid-value', message, options),
    dockerfile.source,
  )
}
