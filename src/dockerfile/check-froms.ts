import { suggest } from '../util/suggest.ts'
import type { Stage, Warning, Word } from './ast.ts'
import { expandIn } from './check-scope.ts'
import type { CheckFacts } from './check-scope.ts'
import { findVariables } from './expand.ts'
import { checkBase, declaredGlobals } from './global-args.ts'
import type { GlobalScope } from './global-args.ts'
import { hasVariable } from './instruction-body.ts'
import { placeIn } from './logical-line.ts'
import { platformArgs } from './predefined-args.ts'
import { finding } from './rules.ts'
import type { Place } from './rules.ts'
import { architectures, systems } from './values.ts'

/** Looking for near names costs, and no one reads more. */
const suggestedNames = 20

/** Findings about what FROM lines name. */
export function checkFroms(dockerfile: GlobalScope, facts?: CheckFacts): Warning[] {
  const names = declaredGlobals(dockerfile)
  const defaults = defaultValues(dockerfile, facts)
  const seen = new Set<string>()
  let budget = suggestedNames
  const near: Near = (name) => (names.size <= 1000 && budget-- > 0 ? suggest(name, names) : undefined)
  return dockerfile.stages.flatMap((stage) => {
    const words = [stage.base, ...(stage.platform === undefined ? [] : [stage.platform])]
    const warnings = [
      ...checkDuplicate(stage, seen),
      ...checkDefault(dockerfile, stage, defaults),
      ...words.flatMap((word) => checkUndefined(dockerfile, stage, word, names, near)),
      ...checkPlatform(dockerfile, stage),
      ...checkBasePlatform(stage, facts),
    ]
    if (stage.name !== undefined) seen.add(stage.name)
    return warnings
  })
}

function placeOf({ from }: Stage, { range }: Pick<Word, 'range'>): Place {
  return { range, within: from.range }
}

function checkDuplicate(stage: Stage, seen: ReadonlySet<string>): Warning[] {
  const { name, from } = stage
  if (name === undefined || from.alias === undefined || !seen.has(name)) return []
  const message = `Duplicate stage name "${name}", stage names should be unique`
  const note = 'lines below mean the last stage of that name'
  return [finding('DuplicateStageName', placeOf(stage, from.alias), message, { note })]
}

function checkPlatform({ directives }: GlobalScope, stage: Stage): Warning[] {
  const { platform, name = '' } = stage
  if (platform === undefined) return []
  const place = placeOf(stage, platform)
  const uses = new Set(findVariables(platform.text, directives.escape).map((use) => use.name))
  if (uses.size === 1 && uses.has('TARGETPLATFORM') && isWholeVariable(platform.text)) {
    const message = `Setting platform to predefined ${platform.text} in FROM is redundant as this is the default behavior`
    return [finding('RedundantTargetPlatform', place, message)]
  }
  if (uses.size > 0) return []
  // a stage named after its platform is one of several on purpose
  if (platformWords(platform.text).some((word) => name.includes(word))) return []
  const message = `FROM --platform flag should not use constant value "${platform.text}"`
  return [finding('FromPlatformFlagConstDisallowed', place, message)]
}

function checkBasePlatform(stage: Stage, facts: CheckFacts | undefined): Warning[] {
  const platform = facts?.bases.get(stage.index)?.platform
  if (platform === undefined) return []
  const { found, expected } = platform
  const message = `Base image ${stage.base.text} was pulled with platform "${found}", expected "${expected}" for current build`
  return [finding('InvalidBaseImagePlatform', placeOf(stage, stage.base), message)]
}

function isWholeVariable(text: string): boolean {
  return /^(\$\w+|\$\{\w+(:?[-+?][^{}]*)?\})$/.test(text)
}

/** System and architecture of a platform as written. */
function platformWords(text: string): string[] {
  const [first = '', second] = text.toLowerCase().split('/')
  if (second !== undefined) return [first, normalArchitecture(second)]
  if (architectures.includes(first)) return ['linux', normalArchitecture(first)]
  return systems.includes(first) ? [first] : []
}

function normalArchitecture(name: string): string {
  return { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64', i386: '386', armhf: 'arm' }[name] ?? name
}

type Near = (name: string) => string | undefined

function checkUndefined(
  dockerfile: GlobalScope,
  stage: Stage,
  word: Word,
  names: ReadonlySet<string>,
  near: Near,
): Warning[] {
  const seen = new Set(names)
  return findVariables(word.text, dockerfile.directives.escape).flatMap(({ name, offset, length }) => {
    if (seen.has(name)) return []
    seen.add(name)
    const other = near(name)
    const hint = other === undefined ? '' : ` (did you mean ${other}?)`
    const message = `FROM argument '${name}' is not declared${hint}`
    const range = placeIn(word, offset, length)
    const more = other === undefined ? {} : { suggestion: `$${other}` }
    return [finding('UndefinedArgInFrom', placeOf(stage, { range }), message, more)]
  })
}

/** Values of the global scope as they are when no build argument is given. */
function defaultValues(
  { globalArgs, directives }: GlobalScope,
  facts?: CheckFacts,
): Map<string, string | undefined> {
  const values = new Map<string, string | undefined>()
  for (const name of platformArgs) values.set(name, facts?.globals.get(name))
  for (const { name, value } of globalArgs.flatMap(({ args }) => args)) {
    values.set(name.text, value === undefined ? '' : expandIn(value.text, values, directives.escape))
  }
  return values
}

function checkDefault(
  { directives }: GlobalScope,
  stage: Stage,
  defaults: ReadonlyMap<string, string | undefined>,
): Warning[] {
  if (!hasVariable(stage.base.text)) return []
  const base = expandIn(stage.base.text, defaults, directives.escape)
  if (base === undefined || checkBase(base) === undefined) return []
  const message = `Default value for ARG ${stage.base.text} results in empty or invalid base image name`
  return [finding('InvalidDefaultArgInFrom', placeOf(stage, stage.base), message)]
}
