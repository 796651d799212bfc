import { failure, type MilleError } from '../../util/errors.ts'
import type { Dockerfile, Instruction, SourceRange } from '../../dockerfile/ast.ts'
import { problemAt, renderProblem } from '../../dockerfile/problem.ts'

/** Where something went wrong: the instruction, shown with its lines. */
export interface Place {
  readonly dockerfile: Pick<Dockerfile, 'fileName' | 'source'>
  readonly instruction: Pick<Instruction, 'range'>
  /** The part to blame; default: the whole instruction. */
  readonly range?: SourceRange
}

export interface FailOptions {
  readonly suggestion?: string | undefined
  readonly cause?: unknown
  readonly details?: Readonly<Record<string, unknown>>
  /** Stands before the place: what a step printed. */
  readonly before?: string
  /** Lines behind the error: what one can do now. */
  readonly notes?: readonly string[]
}

/** The codes whose message is a place in the Dockerfile. */
type PlacedCode =
  | 'ADD_FAILED'
  | 'BASE_IMAGE_NOT_FOUND'
  | 'BASE_IMAGE_UNAVAILABLE'
  | 'COPY_FAILED'
  | 'PLATFORM_NOT_RUNNABLE'
  | 'STEP_FAILED'

/** An error that shows `file:line:column`, the lines around `place` and `error: message`, and has them as data. */
export function failAt(
  code: PlacedCode,
  { dockerfile, instruction, range = instruction.range }: Place,
  message: string,
  { suggestion, cause, details, before = '', notes = [] }: FailOptions = {},
): MilleError {
  const within = instruction.range
  const problem = problemAt(dockerfile.fileName, range, 'build', message, { within, suggestion })
  const told = notes.map((note) => `\nnote: ${note}`).join('')
  const text = before + renderProblem(problem, dockerfile.source) + told
  return failure(
    code,
    { text },
    { ...(cause === undefined ? {} : { cause }), details: { ...details, problems: [problem] } },
  )
}
