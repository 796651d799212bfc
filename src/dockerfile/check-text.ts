import { suggest } from '../util/suggest.ts'
import type { ArgInstruction, FromInstruction, Stage, Warning } from './ast.ts'
import type { GlobalScope } from './global-args.ts'
import type { LogicalLine } from './logical-line.ts'
import { checkRules, finding, findingAt } from './rules.ts'
import { columns, lineRange } from './source.ts'

/** Findings about how the file is written, whatever its instructions lead to. */
export function checkText(dockerfile: GlobalScope, lines: readonly LogicalLine[]): Warning[] {
  const { stages, globalArgs } = dockerfile
  return [
    ...checkRuleNames(dockerfile),
    ...globalArgs.flatMap(checkComment),
    ...stages.flatMap((stage) => [
      ...checkComment(stage.from),
      ...checkName(stage),
      ...stage.instructions.flatMap((item) => (item.kind === 'ARG' ? checkComment(item) : [])),
    ]),
    ...lines.flatMap(checkContinuation),
    ...checkCasing(stages),
    ...checkMaintainers(stages),
  ]
}

/** A misspelt rule skips nothing. Names that resemble none may belong to a newer checker. */
function checkRuleNames({ directives }: GlobalScope): Warning[] {
  const { check } = directives
  if (check === undefined) return []
  const names = checkRules.map(({ name }) => name)
  return [check.skip, check.experimental].flatMap((listed) => {
    if (listed === 'all') return []
    return listed.flatMap((name) => {
      const near = suggest(name, names)
      if (near === undefined) return []
      const message = `Unknown check rule '${name}' (did you mean ${near}?)`
      return [findingAt('UnknownCheckRule', check, message, { suggestion: near })]
    })
  })
}

/** The description in the comment above: `# NAME description`; undefined when it does not begin with a name. */
export function descriptionOf(comment: string | undefined, names: readonly string[]): string | undefined {
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(comment ?? '') ?? []
  return names.includes(word) ? rest : undefined
}

function checkComment(instruction: FromInstruction | ArgInstruction): Warning[] {
  const { comment } = instruction
  const names = namesOf(instruction)
  if (comment === undefined || names.length === 0) return []
  if (descriptionOf(comment, names) !== undefined) return []
  const name = names.length === 1 ? names[0] : '<arg_key>'
  const message = `Comment for ${instruction.kind} should follow the format: \`# ${name} <description>\``
  return [findingAt('InvalidDefinitionDescription', instruction, message)]
}

function namesOf(instruction: FromInstruction | ArgInstruction): string[] {
  if (instruction.kind === 'ARG') return instruction.args.map(({ name }) => name.text)
  return instruction.alias === undefined ? [] : [instruction.alias.text.toLowerCase()]
}

const reserved = new Set(['context', 'scratch'])

function checkName({ from, name }: Stage): Warning[] {
  if (from.alias === undefined || name === undefined) return []
  const { text } = from.alias
  const place = { range: from.alias.range, within: from.range }
  const warnings: Warning[] = []
  const as = / (as) \S+$/i.exec(from.text.replaceAll(/\s+/g, ' '))?.[1] ?? ''
  if (!hasSameCasing(from.keyword, as)) {
    const message = `'${as}' and '${from.keyword}' keywords' casing do not match`
    warnings.push(findingAt('FromAsCasing', from, message))
  }
  if (text !== name) {
    const message = `Stage name '${text}' should be lowercase`
    warnings.push(finding('StageNameCasing', place, message, { suggestion: name }))
  }
  if (reserved.has(name)) {
    const message = `Stage name should not use the same name as reserved stage "${name}"`
    warnings.push(finding('ReservedStageName', place, message))
  }
  return warnings
}

/** A FROM of mixed casing asks for nothing. */
function hasSameCasing(from: string, as: string): boolean {
  if (from === from.toLowerCase()) return as === as.toLowerCase()
  return from !== from.toUpperCase() || as === as.toUpperCase()
}

function checkContinuation({ range, hasEmptyLine, isOpen }: LogicalLine): Warning[] {
  const last = range.end.line
  const place = { range: lineRange(last, Math.max(1, range.end.column - 1)), within: range }
  if (hasEmptyLine) {
    // BuildKit names the line at which it has found out: the last
    return [{ ...finding('NoEmptyContinuation', place, 'Empty continuation line'), line: last }]
  }
  return isOpen ? [finding('ContinuationAtEnd', place, 'The file ends inside a continued instruction')] : []
}

function checkCasing(stages: readonly Stage[]): Warning[] {
  const all = stages.flatMap((stage) => [stage.from, ...stage.instructions])
  const instructions = all.filter(({ kind }) => kind !== 'UNSET')
  const lower = instructions.filter(({ keyword }) => keyword === keyword.toLowerCase()).length
  const upper = instructions.filter(({ keyword }) => keyword === keyword.toUpperCase()).length
  const wanted = lower > upper ? 'lower' : 'upper'
  return instructions.flatMap(({ keyword, range }) => {
    const cased = wanted === 'lower' ? keyword.toLowerCase() : keyword.toUpperCase()
    if (keyword === cased) return []
    const message = `Command '${keyword}' should match the case of the command majority (${wanted}case)`
    const place = { range: columns(range.start, keyword.length), within: range }
    return [finding('ConsistentInstructionCasing', place, message, { suggestion: cased })]
  })
}

function checkMaintainers(stages: readonly Stage[]): Warning[] {
  const found = stages.flatMap(({ instructions }) => instructions.filter(({ kind }) => kind === 'MAINTAINER'))
  const message = 'Maintainer instruction is deprecated in favor of using label'
  return found.map((item) => findingAt('MaintainerDeprecated', item, message))
}
