import { suggest } from '../util/suggest.ts'
import type { Instruction, SourceRange, StageInstruction, Warning, Word } from './ast.ts'
import type { CheckScope } from './check-scope.ts'
import { findHeredocVariables, findVariables } from './expand.ts'
import { hasVariable } from './instruction-body.ts'
import { placeIn } from './logical-line.ts'
import { finding } from './rules.ts'

const comparedNames = 1000

/** What a variable that is not defined may be instead. */
export interface OtherNames {
  /** Defined further down in the stage. */
  readonly later: ReadonlySet<string>
  readonly globals: ReadonlySet<string>
  /** Looking for near names costs: `suggestions` are left for the whole file. */
  readonly budget: { suggestions: number }
}

/**
 * UndefinedVar (B61, D-F37). While the base is not known, a variable is reported only when it is probably a mistake:
 * defined later, defined globally but not in the stage, or near a defined name.
 */
export function checkVariables(
  instruction: StageInstruction,
  { values, complete }: CheckScope,
  { later, globals, budget }: OtherNames,
  escape: string,
): Warning[] {
  return undefinedUses(instruction, values, escape).flatMap(({ name, range }) => {
    const isCheap = values.size <= comparedNames && budget.suggestions-- > 0
    const near = isCheap ? suggest(name, values.keys()) : undefined
    const note = later.has(name)
      ? `${name} is defined further down in this stage`
      : globals.has(name)
        ? `${name} is a global ARG: write "ARG ${name}" in this stage to use it`
        : undefined
    if (!complete && note === undefined && near === undefined) return []
    const hint = near === undefined ? '' : ` (did you mean $${near}?)`
    const message = `Usage of undefined variable '$${name}'${hint}`
    const more = { ...(near === undefined ? {} : { suggestion: `$${near}` }), ...(note && { note }) }
    return [finding('UndefinedVar', { range, within: instruction.range }, message, more)]
  })
}

interface UndefinedUse {
  readonly name: string
  readonly range: SourceRange
}

/** Each name once a word, as BuildKit reports them. */
function undefinedUses(
  instruction: StageInstruction,
  values: ReadonlyMap<string, unknown>,
  escape: string,
): UndefinedUse[] {
  // unlike those of ENV, the defaults of one ARG see the names before them
  const own = instruction.kind === 'ARG' ? instruction.args : []
  const isDefined = (name: string, before: Word): boolean =>
    values.has(name) ||
    own
      .slice(
        0,
        own.findIndex((arg) => arg.value === before),
      )
      .some((arg) => arg.name.text === name)
  const words = expandedWords(instruction).flatMap((word) => {
    const { text } = word
    if (!hasVariable(text)) return []
    const missing = findVariables(text, escape).filter(({ name }) => !isDefined(name, word))
    return uniqueNames(missing).map(({ name, offset, length }) => ({
      name,
      range: placeIn(word, offset, length),
    }))
  })
  const isCopy = instruction.kind === 'COPY' || instruction.kind === 'ADD'
  const bodies = isCopy ? instruction.heredocs.filter(({ expand }) => expand) : []
  const inside = bodies.flatMap(({ content, range }) => {
    const missing = findHeredocVariables(content).filter(({ name }) => !values.has(name))
    return uniqueNames(missing).map(({ name }) => ({ name, range }))
  })
  return [...words, ...inside]
}

function uniqueNames<Use extends { readonly name: string }>(uses: readonly Use[]): Use[] {
  const seen = new Set<string>()
  return uses.filter(({ name }) => seen.size < seen.add(name).size)
}

/** Names of the variables that `instruction` defines. */
export function definedNames(instruction: StageInstruction): string[] {
  if (instruction.kind === 'ARG') return instruction.args.map(({ name }) => name.text)
  return instruction.kind === 'ENV' ? instruction.pairs.map(({ name }) => name.text) : []
}

/** The words in which an undefined variable is worth a warning; those of ONBUILD belong to the child's build. */
function expandedWords(instruction: Instruction): readonly Word[] {
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
      const flags = [chown, chmod, own].filter((word) => word !== undefined)
      return [...paths, destination, ...flags, ...(instruction.exclude ?? [])]
    }
    case 'RUN':
      return (instruction.mounts ?? []).flatMap(({ fields }) => fields.flatMap(({ value }) => value ?? []))
    case 'VOLUME':
      return instruction.paths
    case 'WORKDIR':
      return [instruction.path]
    case 'USER':
      return [instruction.user]
    case 'STOPSIGNAL':
      return [instruction.signal]
    case 'UNSET':
      return instruction.targets.flatMap(({ name }) => name ?? [])
    default:
      return []
  }
}
