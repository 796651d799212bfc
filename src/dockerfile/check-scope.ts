import { isMilleError } from '../util/errors.ts'
import type { Stage, StageInstruction } from './ast.ts'
import { expandWord } from './expand.ts'
import type { GlobalScope } from './global-args.ts'
import type { IgnoreRules } from './ignore.ts'
import { findStage } from './stages.ts'

/** What is known of the image a stage starts from. */
export interface BaseFacts {
  /** Variables it sets. */
  readonly env: ReadonlyMap<string, string>
  /** Arguments its ONBUILD triggers have declared. */
  readonly args: ReadonlySet<string>
  readonly hasShell: boolean
  /** Given when the image is not for the platform asked for. */
  readonly platform?: { readonly found: string; readonly expected: string }
}

/** What the text does not say; checks use it where it is there. */
export interface CheckFacts {
  /** By index, of stages that start from an image. */
  readonly bases: ReadonlyMap<number, BaseFacts>
  readonly buildArgs: ReadonlyMap<string, string>
  /** Values of the global scope, platform arguments included. */
  readonly globals: ReadonlyMap<string, string>
  readonly ignore?: IgnoreRules
  /** Indices of the stages whose instructions are checked; absent: all. */
  readonly stages?: ReadonlySet<number>
}

/** A stage as far as it is known after the instructions read so far: enough for checks, not for building. */
export interface CheckScope {
  /** The defined variables; undefined: without a value, or with one that is not known. */
  readonly values: Map<string, string | undefined>
  /** False: the base image may define more. */
  readonly complete: boolean
  hasShell: boolean
  hasWorkdir: boolean
}

/** Longer values are not kept: no check needs them, and thousands of them would fill memory. */
const keptLength = 4096

export function startScope(
  dockerfile: GlobalScope,
  stage: Stage,
  ends: ReadonlyMap<number, CheckScope>,
  facts?: CheckFacts,
): CheckScope {
  const base = expandIn(stage.base.text, facts?.globals ?? new Map(), dockerfile.directives.escape)
  const earlier = findStage(dockerfile.stages, base ?? '', stage.index)
  const parent = earlier === undefined ? undefined : ends.get(earlier.index)
  if (parent !== undefined) return { ...parent, values: new Map(parent.values) }
  const known = facts?.bases.get(stage.index)
  // PATH has a default everywhere
  const values = new Map<string, string | undefined>([['PATH', undefined]])
  for (const [name, value] of known?.env ?? []) values.set(name, kept(value))
  for (const name of known?.args ?? []) values.set(name, undefined)
  const complete = base === 'scratch' || known !== undefined
  return { values, complete, hasShell: known?.hasShell ?? false, hasWorkdir: false }
}

/** Adds what `instruction` defines. */
export function extendScope(
  scope: CheckScope,
  instruction: StageInstruction,
  escape: string,
  facts: CheckFacts | undefined,
): void {
  const expand = (text: string): string | undefined => expandIn(text, scope.values, escape)
  switch (instruction.kind) {
    case 'ARG':
      for (const { name, value } of instruction.args) {
        const key = name.text
        const given = facts?.buildArgs.get(key) ?? (value ? expand(value.text) : facts?.globals.get(key))
        if (given !== undefined || !scope.values.has(key)) scope.values.set(key, kept(given))
      }
      return
    case 'ENV': {
      const pairs = instruction.pairs.map(({ name, value }) => [name.text, expand(value.text)] as const)
      for (const [name, value] of pairs) scope.values.set(name, kept(value))
      return
    }
    case 'SHELL':
      scope.hasShell = true
      return
    case 'WORKDIR':
      scope.hasWorkdir = true
      return
    case 'UNSET':
      if (instruction.targets.some(({ setting }) => setting === 'shell')) scope.hasShell = false
      return
    default:
      return
  }
}

function kept(value: string | undefined): string | undefined {
  return value === undefined || value.length > keptLength ? undefined : value
}

/**
 * The value of `text`; undefined when its syntax is wrong or a variable in it has a value that is not known. One that
 * is not defined is empty.
 */
export function expandIn(
  text: string,
  values: ReadonlyMap<string, string | undefined>,
  escape: string,
): string | undefined {
  let isKnown = true
  try {
    const value = expandWord(
      text,
      (name) => {
        const found = values.get(name)
        if (found === undefined && values.has(name)) isKnown = false
        return found
      },
      escape,
    )
    return isKnown ? value : undefined
  } catch (error) {
    if (isMilleError(error)) return undefined
    throw error
  }
}
