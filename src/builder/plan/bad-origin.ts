import type { Word } from '../../dockerfile/ast.ts'
import { findVariables } from '../../dockerfile/expand.ts'
import { findStage } from '../../dockerfile/stages.ts'
import type { Fault } from '../../dockerfile/values.ts'
import { checkReference } from '../../dockerfile/values.ts'
import { suggest } from '../../util/suggest.ts'
import type { Reading } from './config-instructions.ts'
import type { StageState } from './stage-state.ts'
import { lookupIn } from './stage-state.ts'

/** Why what stands behind `from=` is no stage, context or image; `value` is `from` with its variables replaced. */
export function badOrigin(
  { dockerfile, globals }: Pick<Reading, 'dockerfile' | 'globals'>,
  state: StageState,
  from: Word,
  value: string,
): Fault | undefined {
  const later = findStage(dockerfile.stages, value)
  if (later !== undefined) {
    const line = later.range.start.line
    return { reason: `stage "${value}" is defined after this one, in line ${line}: move it up` }
  }
  if (value !== '') return checkReference(value)
  const lookup = lookupIn(state)
  const unset = findVariables(from.text, dockerfile.directives.escape)
    .map(({ name }) => name)
    .find((name) => !lookup(name))
  if (unset === undefined) return { reason: 'the name behind from= is empty' }
  if (globals.has(unset))
    return { reason: `$${unset} is a global ARG: write "ARG ${unset}" in this stage to use it` }
  const known = [...state.args.keys(), ...state.env.keys()]
  const near = suggest(unset, known)
  const reason = `the name behind from= is empty: variable ${unset} has no value here`
  return { reason, ...(near === undefined ? {} : { suggestion: near }) }
}
