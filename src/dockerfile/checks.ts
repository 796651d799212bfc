import type { Dockerfile, Warning } from './ast.ts'
import { checkFroms } from './check-froms.ts'
import { isEnabled } from './check-options.ts'
import type { CheckFacts } from './check-scope.ts'
import { checkStages } from './check-stages.ts'
import { checkText } from './check-text.ts'
import type { GlobalScope } from './global-args.ts'
import type { LogicalLine } from './logical-line.ts'
import { checkRules } from './rules.ts'

/**
 * All findings that need the text only, by line, without those that `# check=skip=` names. What depends on a base
 * image is left out unless it is probably a mistake.
 */
export function checkDockerfile(dockerfile: GlobalScope, lines: readonly LogicalLine[]): Warning[] {
  return enabled(dockerfile, [
    ...checkText(dockerfile, lines),
    ...checkFroms(dockerfile),
    ...checkStages(dockerfile),
  ])
}

/** Those of `checkDockerfile` that no fact changes. */
export function checkWriting(dockerfile: GlobalScope, lines: readonly LogicalLine[]): Warning[] {
  return enabled(dockerfile, checkText(dockerfile, lines))
}

/** The findings once bases, arguments and ignore rules are known, in place of `dockerfile.warnings`. */
export function recheck(dockerfile: Dockerfile, facts: CheckFacts): Warning[] {
  const fromText = dockerfile.warnings.filter(({ rule }) => textRules.has(rule))
  return enabled(dockerfile, [
    ...fromText,
    ...checkFroms(dockerfile, facts),
    ...checkStages(dockerfile, facts),
  ])
}

/** Rules whose findings no fact changes. */
const textRules: ReadonlySet<string> = new Set([
  'ConsistentInstructionCasing',
  'ContinuationAtEnd',
  'FromAsCasing',
  'InvalidDefinitionDescription',
  'MaintainerDeprecated',
  'NoEmptyContinuation',
  'ReservedStageName',
  'StageNameCasing',
  'UnknownCheckRule',
])

function enabled({ directives }: GlobalScope, warnings: readonly Warning[]): Warning[] {
  const on = new Set(checkRules.filter((rule) => isEnabled(rule, directives.check)).map(({ name }) => name))
  return warnings.filter(({ rule }) => on.has(rule)).toSorted((a, b) => a.line - b.line)
}
