import type { Dockerfile, FromInstruction, RunInstruction, SourceRange, Stage } from './ast.ts'
import { expandIn, extendScope, startScope } from './check-scope.ts'
import type { CheckFacts, CheckScope } from './check-scope.ts'
import { descriptionOf } from './check-text.ts'
import { findVariables } from './expand.ts'
import { platformArgs } from './predefined-args.ts'
import { readMount } from './run-mount.ts'
import type { RunMount, SecretMount } from './run-mount.ts'

/** A build argument that a target takes (B63). */
export interface OutlineArg {
  readonly name: string
  /** From the comment above: `# NAME description`. */
  readonly description: string
  /** As this build would have it. */
  readonly value: string
  /** The instruction that declares it. */
  readonly range: SourceRange
}

/** A secret or an agent that a step mounts. */
export interface OutlineMount {
  /** The id. */
  readonly name: string
  readonly required: boolean
  readonly range: SourceRange
}

export interface Outline {
  /** Of the target; empty when it has none. */
  readonly name: string
  readonly description: string
  readonly args: readonly OutlineArg[]
  readonly secrets: readonly OutlineMount[]
  readonly ssh: readonly OutlineMount[]
}

/** What `target` takes, its stages included: those of `facts`. */
export function outlineOf(dockerfile: Dockerfile, target: Stage, facts: CheckFacts): Outline {
  const globals = globalOutline(dockerfile, facts)
  const args = new Map<string, OutlineArg>()
  const secrets = new Map<string, OutlineMount>()
  const ssh = new Map<string, OutlineMount>()
  const ends = new Map<number, CheckScope>()
  const use = (name: string): void => {
    const found = globals.get(name)
    if (found === undefined || args.get(name) === found.arg) return
    args.set(name, found.arg)
    for (const other of found.uses) use(other)
  }
  for (const stage of dockerfile.stages) {
    const scope = startScope(dockerfile, stage, ends, facts)
    const isNeeded = facts.stages?.has(stage.index) ?? true
    if (isNeeded) for (const name of variablesOf(dockerfile, stage.from)) use(name)
    for (const instruction of stage.instructions) {
      extendScope(scope, instruction, dockerfile.directives.escape, facts)
      if (isNeeded && instruction.kind === 'RUN') {
        for (const mount of mountsOf(instruction, scope, dockerfile.directives.escape)) {
          if (mount.type === 'secret') addMount(secrets, mount, instruction)
          else if (mount.type === 'ssh') addMount(ssh, mount, instruction)
        }
      }
      if (!isNeeded || instruction.kind !== 'ARG') continue
      for (const { name, value } of instruction.args) {
        if (value === undefined && globals.has(name.text)) use(name.text)
        else if (value !== undefined || !platformArgs.has(name.text)) {
          args.set(name.text, {
            name: name.text,
            description: descriptionOf(instruction.comment, [name.text]) ?? '',
            value: scope.values.get(name.text) ?? '',
            range: instruction.range,
          })
        }
      }
    }
    ends.set(stage.index, scope)
  }
  return {
    name: target.name ?? '',
    description: stageDescription(target),
    args: byLine(args),
    secrets: byLine(secrets),
    ssh: byLine(ssh),
  }
}

function byLine<Item extends { readonly range: SourceRange }>(items: ReadonlyMap<string, Item>): Item[] {
  return [...items.values()].toSorted((a, b) => a.range.start.line - b.range.start.line)
}

function mountsOf({ mounts = [] }: RunInstruction, { values }: CheckScope, escape: string): RunMount[] {
  return mounts.flatMap(({ fields }) => {
    const plain = fields.map(({ key, value }) => ({
      key: key.text,
      ...(value === undefined ? {} : { value: expandIn(value.text, values, escape) ?? value.text }),
    }))
    const mount = readMount(plain)
    return 'reason' in mount ? [] : [mount]
  })
}

/** The first use names the place; one that needs it makes it needed. */
function addMount(
  found: Map<string, OutlineMount>,
  { id, required }: Pick<SecretMount, 'id' | 'required'>,
  { range }: RunInstruction,
): void {
  const known = found.get(id)
  found.set(id, { name: id, required: required || known?.required === true, range: known?.range ?? range })
}

interface GlobalArg {
  readonly arg: OutlineArg
  /** Names in its default. */
  readonly uses: readonly string[]
}

function globalOutline({ globalArgs, directives }: Dockerfile, facts: CheckFacts): Map<string, GlobalArg> {
  const found = new Map<string, GlobalArg>()
  for (const { args, comment, range } of globalArgs) {
    for (const { name, value } of args) {
      const arg = {
        name: name.text,
        description: descriptionOf(comment, [name.text]) ?? '',
        value: facts.globals.get(name.text) ?? '',
        range,
      }
      const uses = value === undefined ? [] : findVariables(value.text, directives.escape)
      found.set(name.text, { arg, uses: uses.map((use) => use.name) })
    }
  }
  return found
}

function variablesOf({ directives }: Dockerfile, { base, platform }: FromInstruction): string[] {
  const words = platform === undefined ? [base] : [platform, base]
  return words.flatMap(({ text }) => findVariables(text, directives.escape).map(({ name }) => name))
}

/** A stage that can be built (B64). */
export interface OutlineTarget {
  /** Empty when it has none. */
  readonly name: string
  readonly description: string
  /** As written. */
  readonly base: string
  readonly platform?: string
  readonly isDefault: boolean
  readonly range: SourceRange
}

export function targetsOf({ stages }: Dockerfile): OutlineTarget[] {
  return stages.map((stage, index) => ({
    name: stage.name ?? '',
    description: stageDescription(stage),
    base: stage.base.text,
    ...(stage.platform === undefined ? {} : { platform: stage.platform.text }),
    isDefault: index === stages.length - 1,
    range: stage.from.range,
  }))
}

function stageDescription({ name, from }: Stage): string {
  return name === undefined ? '' : (descriptionOf(from.comment, [name]) ?? '')
}
