import type { Warning } from './ast.ts'
import { checkInstruction, checkRepeated } from './check-instructions.ts'
import { checkHints } from './check-hints.ts'
import { extendScope, startScope } from './check-scope.ts'
import type { CheckFacts, CheckScope } from './check-scope.ts'
import { checkVariables, definedNames } from './check-variables.ts'
import { declaredGlobals } from './global-args.ts'
import type { GlobalScope } from './global-args.ts'

/** No one reads more. */
const enough = 1000
/** Names copied from stage to stage: a chain of a thousand stages with thousands of names would fill memory. */
const inheritedNames = 200_000

/** Findings about the instructions of stages, in the order in which a build meets them. */
export function checkStages(dockerfile: GlobalScope, facts?: CheckFacts): Warning[] {
  const { escape } = dockerfile.directives
  const globals = declaredGlobals(dockerfile)
  const ends = new Map<number, CheckScope>()
  const budget = { suggestions: 100 }
  const warnings: Warning[] = []
  let inherited = 0
  for (const stage of dockerfile.stages) {
    const scope = startScope(dockerfile, stage, ends, facts)
    inherited += scope.values.size
    if (inherited > inheritedNames) break
    const isChecked = facts?.stages?.has(stage.index) ?? true
    const later = new Set(stage.instructions.flatMap(definedNames))
    for (const instruction of stage.instructions) {
      if (isChecked && warnings.length < enough) {
        warnings.push(
          ...checkVariables(instruction, scope, { later, globals, budget }, escape),
          ...checkInstruction(instruction, scope, escape, facts?.ignore),
          ...checkHints(instruction),
        )
      }
      extendScope(scope, instruction, escape, facts)
    }
    if (isChecked) warnings.push(...checkRepeated(stage))
    ends.set(stage.index, scope)
  }
  return warnings.slice(0, enough)
}
