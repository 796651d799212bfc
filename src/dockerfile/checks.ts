import type { Dockerfile, Warning } from './ast.ts'
import { checkFroms } from './check-froms.ts'
import { checkStageInstructions } from './check-instructions.ts'
import { checkVariables } from './check-variables.ts'
import type { EnvironmentOf } from './check-variables.ts'
import type { GlobalScope } from './global-args.ts'
import type { LogicalLine } from './logical-line.ts'
import { warn } from './rules.ts'

/** All findings that need the text only, in file order, without those that `# check=skip=` names. */
export function checkDockerfile(dockerfile: GlobalScope, lines: readonly LogicalLine[]): Warning[] {
  const warnings = [
    ...lines.flatMap(({ range, emptyContinuations }) =>
      emptyContinuations.map(() => warn('NoEmptyContinuation', range, emptyContinuationText)),
    ),
    ...checkCasing(lines),
    ...checkFroms(dockerfile),
    ...checkStageInstructions(dockerfile),
    ...checkVariables(dockerfile),
  ]
  return withoutSkipped(dockerfile, warnings)
}

const emptyContinuationText =
  'Empty continuation line: a later version of the Dockerfile language may refuse it'

/**
 * UndefinedVar again, once the environment of base images is known: replaces the findings of that rule in
 * `dockerfile.warnings`, which had to leave out what a base might set.
 */
export function recheckVariables(dockerfile: Dockerfile, environmentOf: EnvironmentOf): Warning[] {
  const others = dockerfile.warnings.filter(({ rule }) => rule !== 'UndefinedVar')
  return withoutSkipped(dockerfile, [...others, ...checkVariables(dockerfile, environmentOf)])
}

function withoutSkipped({ directives }: GlobalScope, warnings: readonly Warning[]): Warning[] {
  const skip = directives.check?.skip ?? []
  if (skip === 'all') return []
  const names = new Set(skip.map((name) => name.toLowerCase()))
  return warnings
    .filter(({ rule }) => !names.has(rule.toLowerCase()))
    .toSorted(
      (a, b) => a.range.start.line - b.range.start.line || a.range.start.column - b.range.start.column,
    )
}

function checkCasing(lines: readonly LogicalLine[]): Warning[] {
  const keywords = lines.map(({ text, range }) => ({ keyword: /^\S+/.exec(text)?.[0] ?? '', range }))
  const lower = keywords.filter(({ keyword }) => keyword === keyword.toLowerCase()).length
  const upper = keywords.filter(({ keyword }) => keyword === keyword.toUpperCase()).length
  const wanted = lower > upper ? 'lower' : 'upper'
  return keywords.flatMap(({ keyword, range }) => {
    const cased = wanted === 'lower' ? keyword.toLowerCase() : keyword.toUpperCase()
    if (keyword === cased) return []
    const message = `Command '${keyword}' should match the case of the command majority (${wanted}case)`
    return [warn('ConsistentInstructionCasing', range, message, cased)]
  })
}
