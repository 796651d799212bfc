import type { Dockerfile, FromInstruction, StageInstruction } from '../../dockerfile/ast.ts'
import { dockerfileError } from '../../dockerfile/located.ts'
import { parseInstruction } from '../../dockerfile/parser.ts'
import { problemsOf, renderProblem } from '../../dockerfile/problem.ts'
import { isMilleError, MilleError } from '../../util/errors.ts'

/** ONBUILD triggers of a base, read as instructions of the child (B56); errors in them are shown at its FROM. */
export function parseTriggers(
  triggers: readonly string[],
  from: FromInstruction,
  dockerfile: Dockerfile,
): StageInstruction[] {
  return triggers.map((trigger) => {
    try {
      // the trigger's own lines are in another file: everything it leads to points at the FROM that brought it
      return relocate(parseInstruction(trigger), from)
    } catch (error) {
      if (!isMilleError(error)) throw error
      const reason = `ONBUILD of the base image: ${error.message}`
      throw dockerfileError(dockerfile, from, from.base.range, 'structure', reason)
    }
  })
}

/** An error that a trigger leads to names it: at the FROM, where it is shown, nothing of it is to be read. */
export function triggerError(error: unknown, { text }: StageInstruction, { source }: Dockerfile): unknown {
  const [problem] = isMilleError(error) ? problemsOf(error) : []
  if (!isMilleError(error) || problem === undefined) return error
  const named = { ...problem, message: `"ONBUILD ${text}" of the base image: ${problem.message}` }
  const details = { ...error.details, problems: [named] }
  return new MilleError(error.kind, error.code, renderProblem(named, source), { cause: error, details })
}

function relocate<Value>(value: Value, from: FromInstruction): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => relocate(item, from)) as Value
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    key === 'range' ? from.base.range : relocate<unknown>(item, from),
  ])
  return Object.fromEntries(entries) as Value
}
