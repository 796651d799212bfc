import { isMilleError } from '../util/errors.ts'
import { suggest } from '../util/suggest.ts'
import type { Dockerfile, Stage } from './ast.ts'
import { expandWord, findVariables } from './expand.ts'
import type { VariableUse } from './expand.ts'
import { dockerfileError, expandAt } from './located.ts'
import { platformArgs, proxyArgs } from './predefined-args.ts'
import { problemAt } from './problem.ts'
import type { Problem } from './problem.ts'
import { checkReference } from './values.ts'
import type { Fault } from './values.ts'

/** The part of a Dockerfile that decides the bases. */
export type GlobalScope = Omit<Dockerfile, 'kind' | 'warnings'>

/**
 * Values of the global ARGs (B21): a build argument wins over the default; one with neither is absent. `predefined`
 * holds platform and proxy arguments. Errors: DOCKERFILE_INVALID.
 */
export function resolveGlobalArgs(
  dockerfile: Dockerfile,
  buildArgs: ReadonlyMap<string, string>,
  predefined: ReadonlyMap<string, string>,
): Map<string, string> {
  const values = new Map(predefined)
  for (const instruction of dockerfile.globalArgs) {
    for (const { name, value } of instruction.args) {
      const given = buildArgs.get(name.text)
      const lookup = (key: string): string | undefined => values.get(key)
      if (given !== undefined) values.set(name.text, given)
      else if (value !== undefined) values.set(name.text, expandAt(dockerfile, instruction, value, lookup))
    }
  }
  return values
}

/**
 * The base of `stage` after expansion: a stage name, `scratch` or an image reference. Errors: DOCKERFILE_INVALID when
 * it is empty or no valid reference, naming the variables without a value (D-F7, D-F8).
 */
export function resolveBase(
  dockerfile: Dockerfile,
  stage: Stage,
  globals: ReadonlyMap<string, string>,
): string {
  const base = expandAt(dockerfile, stage.from, stage.base, (name) => globals.get(name))
  const isStage = dockerfile.stages.some(
    ({ name, index }) => index < stage.index && name === base.toLowerCase(),
  )
  const fault = isStage ? undefined : checkBase(base)
  if (fault === undefined) return base
  const unset = findVariables(stage.base.text, dockerfile.directives.escape).filter(
    ({ name }) => !globals.get(name),
  )
  const { message, suggestion } = explainBase(dockerfile, stage, base, fault, unset)
  throw dockerfileError(dockerfile, stage.from, stage.base.range, 'stage', message, suggestion)
}

/** The form of a base: `scratch` and references are fine. */
export function checkBase(base: string): Fault | undefined {
  return base === '' ? { reason: 'the base name is empty' } : checkReference(base)
}

/** Names that the global scope declares, platform arguments included. */
export function declaredGlobals(dockerfile: Pick<Dockerfile, 'globalArgs'>): Set<string> {
  const declared = dockerfile.globalArgs.flatMap(({ args }) => args.map(({ name }) => name.text))
  return new Set([...declared, ...platformArgs])
}

/** Names that FROM may see: the declared ones and proxy arguments. */
function globalNames(dockerfile: Pick<Dockerfile, 'globalArgs'>): Set<string> {
  return new Set([...declaredGlobals(dockerfile), ...proxyArgs])
}

/** Each may cost a search for a near name: a hostile file could hold thousands. */
const reportedBases = 20

/** Errors of bases that no build argument can repair: constants, and variables that are not declared. */
export function findBaseProblems(dockerfile: GlobalScope): Problem[] {
  const names = globalNames(dockerfile)
  const earlier = new Set<string>()
  const problems: Problem[] = []
  for (const stage of dockerfile.stages) {
    const problem = earlier.has(stage.base.text.toLowerCase())
      ? undefined
      : findBaseProblem(dockerfile, stage, names)
    if (problem !== undefined) problems.push(problem)
    if (problems.length >= reportedBases) break
    if (stage.name !== undefined) earlier.add(stage.name)
  }
  return problems
}

function findBaseProblem(
  dockerfile: GlobalScope,
  stage: Stage,
  names: ReadonlySet<string>,
): Problem | undefined {
  const { escape } = dockerfile.directives
  const uses = findVariables(stage.base.text, escape)
  if (uses.some(({ name }) => names.has(name))) return undefined
  const at = (message: string, suggestion?: string, range = stage.base.range): Problem =>
    problemAt(dockerfile.fileName, range, 'stage', message, { within: stage.from.range, suggestion })
  let base: string
  try {
    base = expandWord(stage.base.text, () => undefined, escape)
  } catch (error) {
    if (isMilleError(error)) return { ...at(error.message), kind: 'variable' }
    throw error
  }
  const fault = checkBase(base)
  if (fault === undefined) return undefined
  const isWritten = base === stage.base.text && fault.offset !== undefined
  const { message, suggestion } = explainBase(dockerfile, stage, base, fault, uses)
  if (!isWritten) return at(message, suggestion)
  const { start } = stage.base.range
  const column = start.column + (fault.offset ?? 0)
  const range = { start: { ...start, column }, end: { ...start, column: column + (fault.length ?? 1) } }
  return at(message, suggestion, range)
}

function explainBase(
  dockerfile: GlobalScope,
  stage: Stage,
  base: string,
  fault: Fault,
  unset: readonly VariableUse[],
): { message: string; suggestion: string | undefined } {
  const [first] = unset
  if (first === undefined) return { message: fault.reason, suggestion: undefined }
  const names = [...new Set(unset.map(({ name }) => name))].join(', ')
  const verb = names.includes(',') ? 'have' : 'has'
  const inStage = dockerfile.stages.find(
    ({ index, instructions }) =>
      index < stage.index &&
      instructions.some(
        (item) => item.kind === 'ARG' && item.args.some(({ name }) => name.text === first.name),
      ),
  )
  const scope =
    inStage === undefined
      ? ''
      : `; the ARG in the stage of line ${inStage.range.start.line} counts there only: FROM sees ARGs before the first FROM`
  const what = base === '' ? 'the base name is empty' : fault.reason
  const suggestion = suggest(first.name, globalNames(dockerfile))
  return { message: `${what} because ${names} ${verb} no value${scope}`, suggestion }
}
