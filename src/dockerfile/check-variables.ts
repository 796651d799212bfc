import { suggest } from '../util/suggest.ts'
import type { Instruction, Stage, StageInstruction, Warning, Word } from './ast.ts'
import { findVariables } from './expand.ts'
import { globalNames } from './global-args.ts'
import type { GlobalScope } from './global-args.ts'
import { proxyArgs } from './predefined-args.ts'
import { warn } from './rules.ts'

/** Names of the variables the base image of a stage sets; undefined when not known. */
export type EnvironmentOf = (stage: Stage) => ReadonlySet<string> | undefined

interface Scope {
  readonly names: Set<string>
  /** False: the base image may set more. */
  readonly complete: boolean
}

/** Looking for near names costs, and no one reads more. */
const reportedVariables = 100
const comparedNames = 1000
/** Names copied from stage to stage: a chain of a thousand stages with thousands of names would fill memory. */
const inheritedNames = 200_000

/**
 * UndefinedVar (B61, D-F37). Without `environmentOf`, a variable of a stage on an image is reported only when it is
 * probably a mistake: defined later, defined globally but not in the stage, or near a defined name.
 */
export function checkVariables(dockerfile: GlobalScope, environmentOf?: EnvironmentOf): Warning[] {
  const globals = globalNames(dockerfile)
  const ends = new Map<string, Scope>()
  const warnings: Warning[] = []
  let budget = reportedVariables
  let inherited = 0
  for (const stage of dockerfile.stages) {
    const scope = startScope(stage, ends, environmentOf)
    inherited += scope.names.size
    if (inherited > inheritedNames) return warnings
    const later = new Set(stage.instructions.flatMap(definedNames))
    for (const instruction of stage.instructions) {
      for (const name of undefinedNames(instruction, scope, dockerfile.directives.escape)) {
        if (budget-- <= 0) return warnings
        const reason = later.has(name) ? 'later' : globals.has(name) ? 'global' : undefined
        const near = scope.names.size > comparedNames ? undefined : suggest(name, scope.names)
        if (!scope.complete && reason === undefined && near === undefined) continue
        warnings.push(warn('UndefinedVar', instruction.range, explain(name, reason), near))
      }
      for (const name of definedNames(instruction)) scope.names.add(name)
    }
    if (stage.name !== undefined) ends.set(stage.name, scope)
  }
  return warnings
}

function explain(name: string, reason: 'later' | 'global' | undefined): string {
  const text = `Usage of undefined variable '$${name}'`
  if (reason === 'later') return `${text}: it is defined further down in this stage`
  if (reason === 'global') return `${text}: it is a global ARG, write "ARG ${name}" in this stage to use it`
  return text
}

function startScope(stage: Stage, ends: ReadonlyMap<string, Scope>, environmentOf?: EnvironmentOf): Scope {
  const parent = ends.get(stage.base.text.toLowerCase())
  if (parent !== undefined) return { names: new Set(parent.names), complete: parent.complete }
  const known = stage.base.text === 'scratch' ? new Set<string>() : environmentOf?.(stage)
  // PATH has a default everywhere.
  return { names: new Set([...proxyArgs, 'PATH', ...(known ?? [])]), complete: known !== undefined }
}

function definedNames(instruction: StageInstruction): string[] {
  if (instruction.kind === 'ARG') return instruction.args.map(({ name }) => name.text)
  return instruction.kind === 'ENV' ? instruction.pairs.map(({ name }) => name.text) : []
}

function undefinedNames(instruction: StageInstruction, scope: Scope, escape: string): Set<string> {
  const uses = expandedWords(instruction).flatMap(({ text }) => findVariables(text, escape))
  const missing = uses.filter(
    ({ name, guarded }) => !guarded && !scope.names.has(name) && /^[A-Za-z_]/.test(name),
  )
  return new Set(missing.map(({ name }) => name))
}

/** The words in which the builder replaces variables (B10); those of ONBUILD belong to the child's build. */
export function expandedWords(instruction: Instruction): readonly Word[] {
  switch (instruction.kind) {
    case 'ENV':
    case 'LABEL':
      return instruction.pairs.flatMap(({ name, value }) => [name, value])
    case 'ARG':
      return instruction.args.flatMap(({ value }) => value ?? [])
    case 'COPY':
    case 'ADD': {
      const paths = instruction.sources.flatMap((source) => (source.kind === 'path' ? source.word : []))
      const { chown, chmod, destination } = instruction
      const own = instruction.kind === 'COPY' ? instruction.from : instruction.checksum
      return [...paths, destination, ...[chown, chmod, own].filter((word) => word !== undefined)]
    }
    case 'EXPOSE':
      return instruction.ports
    case 'VOLUME':
      return instruction.paths
    case 'WORKDIR':
      return [instruction.path]
    case 'USER':
      return [instruction.user]
    case 'STOPSIGNAL':
      return [instruction.signal]
    default:
      return []
  }
}
