import { isMilleError } from '../util/errors.ts'
import { suggest } from '../util/suggest.ts'
import type { Stage, Warning } from './ast.ts'
import { expandWord, findVariables } from './expand.ts'
import { checkBase, globalNames } from './global-args.ts'
import type { GlobalScope } from './global-args.ts'
import { hasVariable } from './instruction-body.ts'
import { platformArgs, proxyArgs } from './predefined-args.ts'
import { warn } from './rules.ts'

const reserved = new Set(['context', 'scratch'])

/** Findings about the FROM lines. */
export function checkFroms(dockerfile: GlobalScope): Warning[] {
  const names = globalNames(dockerfile)
  const defaults = defaultValues(dockerfile)
  const seen = new Set<string>()
  return dockerfile.stages.flatMap((stage) => {
    const warnings = [
      ...checkName(stage, seen),
      ...checkPlatformFlag(stage),
      ...checkUndefined(dockerfile, stage, names),
      ...checkDefault(dockerfile, stage, defaults, seen),
    ]
    if (stage.name !== undefined) seen.add(stage.name)
    return warnings
  })
}

function checkName({ from, name }: Stage, seen: ReadonlySet<string>): Warning[] {
  if (from.alias === undefined || name === undefined) return []
  const { text, range } = from.alias
  const warnings: Warning[] = []
  if (text !== name)
    warnings.push(warn('StageNameCasing', range, `Stage name '${text}' should be lowercase`, name))
  if (reserved.has(name))
    warnings.push(warn('ReservedStageName', range, `Stage name should not use the reserved name '${name}'`))
  if (seen.has(name)) {
    warnings.push(
      warn('DuplicateStageName', range, `Duplicate stage name '${name}': later lines mean the last one`),
    )
  }
  const as = / (as) \S+$/i.exec(from.text.replaceAll(/\s+/g, ' '))?.[1] ?? ''
  const isMatch = isUpper(from.keyword) ? isUpper(as) : as === as.toLowerCase()
  if (!isMatch) {
    const message = `'${as}' and '${from.keyword}' keywords' casing do not match`
    warnings.push(warn('FromAsCasing', from.range, message))
  }
  return warnings
}

function isUpper(text: string): boolean {
  return text === text.toUpperCase()
}

function checkPlatformFlag({ platform, name, from }: Stage): Warning[] {
  if (platform === undefined) return []
  if (/^\$(TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform.text)) {
    const message = `Setting platform to predefined ${platform.text} in FROM is redundant as this is the default behavior`
    return [warn('RedundantTargetPlatform', from.range, message)]
  }
  if (hasVariable(platform.text)) return []
  // A stage named after its platform is one of several on purpose.
  const isNamed = platform.text
    .split('/')
    .some((part) => name?.split(/[-_.]/).includes(part.toLowerCase()) === true)
  if (isNamed) return []
  const message = `FROM --platform flag should not use constant value "${platform.text}"`
  return [warn('FromPlatformFlagConstDisallowed', from.range, message)]
}

function checkUndefined(dockerfile: GlobalScope, stage: Stage, names: ReadonlySet<string>): Warning[] {
  const words = [stage.base, ...(stage.platform === undefined ? [] : [stage.platform])]
  return words.flatMap(({ text }) =>
    findVariables(text, dockerfile.directives.escape)
      .filter(({ name, guarded }) => !guarded && !names.has(name))
      .map(({ name }) => {
        const suggestion = names.size > 1000 ? undefined : suggest(name, names)
        return warn(
          'UndefinedArgInFrom',
          stage.from.range,
          `FROM argument '${name}' is not declared`,
          suggestion,
        )
      }),
  )
}

/** Global ARG defaults as they are when no build argument is given; predefined ones get a stand-in. */
function defaultValues({ globalArgs, directives }: GlobalScope): Map<string, string> {
  const values = new Map([...platformArgs, ...proxyArgs].map((name) => [name, 'x']))
  for (const { name, value } of globalArgs.flatMap(({ args }) => args)) {
    const expanded = value === undefined ? '' : tryExpand(value.text, values, directives.escape)
    if (expanded !== undefined) values.set(name.text, expanded)
  }
  return values
}

function tryExpand(text: string, values: ReadonlyMap<string, string>, escape: string): string | undefined {
  try {
    return expandWord(text, (name) => values.get(name) || undefined, escape)
  } catch (error) {
    if (isMilleError(error)) return undefined
    throw error
  }
}

function checkDefault(
  { directives }: GlobalScope,
  stage: Stage,
  defaults: ReadonlyMap<string, string>,
  seen: ReadonlySet<string>,
): Warning[] {
  if (!hasVariable(stage.base.text)) return []
  const base = tryExpand(stage.base.text, defaults, directives.escape)
  if (base === undefined || seen.has(base.toLowerCase()) || checkBase(base) === undefined) return []
  const message = `Default value for ARG ${stage.base.text} results in empty or invalid base image name`
  return [warn('InvalidDefaultArgInFrom', stage.from.range, message)]
}
