import type { Dockerfile } from '../../dockerfile/ast.ts'
import type { CheckFacts } from '../../dockerfile/check-scope.ts'
import { controlArgs, proxyArgs } from '../../dockerfile/predefined-args.ts'
import { suggest } from '../../util/suggest.ts'
import type { PlanWarning } from './image-plan.ts'

/** `--build-arg`s that no ARG takes and nothing predefined is, with the likely name (D-F37). */
export function unusedArgs(
  { globalArgs, stages }: Dockerfile,
  buildArgs: Readonly<Record<string, string | undefined>>,
  { globals, bases }: Pick<CheckFacts, 'globals' | 'bases'>,
): PlanWarning[] {
  const written = [...globalArgs, ...stages.flatMap((stage) => stage.instructions)].flatMap((instruction) =>
    instruction.kind === 'ARG' ? instruction.args.map(({ name }) => name.text) : [],
  )
  const triggered = [...bases.values()].flatMap(({ args }) => [...args])
  const declared = new Set([...written, ...triggered])
  const unused = Object.keys(buildArgs).filter(
    (name) => !declared.has(name) && !proxyArgs.has(name) && !controlArgs.has(name) && !globals.has(name),
  )
  if (unused.length === 0) return []
  const list = unused.map((name) => {
    const near = suggest(name, declared)
    return near === undefined ? name : `${name} (did you mean ${near}?)`
  })
  const message = `One or more build-args were not consumed: ${list.join(', ')}`
  return [{ rule: 'UnusedBuildArg', message }]
}
