import { failure } from '../util/errors.ts'
import type {
  ArgInstruction,
  Dockerfile,
  FromInstruction,
  Instruction,
  SourceRange,
  Stage,
  StageInstruction,
} from './ast.ts'
import { checkDockerfile, checkWriting } from './checks.ts'
import { parseDirectives } from './directives.ts'
import { findBaseProblems } from './global-args.ts'
import { parseLine } from './instruction.ts'
import { lexLines, splitLines } from './lexer.ts'
import { limits } from './limits.ts'
import type { LogicalLine } from './logical-line.ts'
import { invalidDockerfile } from './problem.ts'
import { createReporter } from './reporter.ts'
import type { Reporter } from './reporter.ts'
import { decodeSource, lineRange } from './source.ts'
import { reportStageReferences } from './stages.ts'

export interface ParseOptions {
  /** As the user gave it; shown in errors. Default `Dockerfile`. */
  readonly fileName?: string
  /** The build argument BUILDKIT_SYNTAX, which wins over `# syntax=`. */
  readonly syntax?: string
  /** The build argument BUILDKIT_DOCKERFILE_CHECK, which wins over `# check=`. */
  readonly check?: string
  /** The caller goes on to `recheck`: of a sound file, only the findings that no fact changes. */
  readonly factsFollow?: boolean
}

/**
 * Reads a Dockerfile and runs every check that needs its text only. Errors: DOCKERFILE_INVALID, or
 * DOCKERFILE_FLAG_UNSUPPORTED when a flag of a later version comes first; all problems of the file are shown in the
 * message and listed in `details.problems`. Source: BuildKit's Dockerfile reference.
 */
export function parseDockerfile(source: string | Uint8Array, options: ParseOptions = {}): Dockerfile {
  const fileName = options.fileName ?? 'Dockerfile'
  const decoded = decodeSource(source, fileName)
  if (decoded.problem !== undefined) throw invalidDockerfile([decoded.problem], decoded.text)
  const reporter = createReporter(fileName)
  const lines = splitLines(decoded.text)
  const { directives, end: start } = parseDirectives(lines, reporter, options)
  const { escape } = directives
  const logical = lexLines(lines, { escape, reporter, damaged: decoded.damaged, start })
  const parsed = logical.map((line) => ({ line, instruction: parseLine(line, escape, reporter) }))
  const { globalArgs, stages } = groupStages(parsed, lines, reporter)
  const scope = { fileName, source: decoded.text, directives, globalArgs, stages }
  reportStageReferences(stages, reporter)
  const isSound = reporter.problems.length === 0
  for (const problem of findBaseProblems(scope)) reporter.add(problem)
  // what a wrong base comes from is often found by a check
  const isLeft = options.factsFollow === true && reporter.problems.length === 0
  const warnings = !isSound ? [] : isLeft ? checkWriting(scope, logical) : checkDockerfile(scope, logical)
  if (reporter.problems.length > 0) throw invalidDockerfile(reporter.problems, decoded.text, warnings)
  return { kind: 'dockerfile', ...scope, warnings }
}

export interface ParseInstructionOptions {
  /** Names allowed, upper case: `commit --change` takes fewer than a stage. */
  readonly allowed?: readonly string[]
  readonly escape?: '\\' | '`'
}

/**
 * Reads one instruction: `commit --change`, `import --change`, a stored ONBUILD trigger.
 * Errors: DOCKERFILE_INVALID; FROM is never allowed.
 */
export function parseInstruction(text: string, options: ParseInstructionOptions = {}): StageInstruction {
  const decoded = decodeSource(text, 'instruction')
  if (decoded.problem !== undefined) throw invalidDockerfile([decoded.problem], decoded.text)
  const reporter = createReporter('instruction')
  const escape = options.escape ?? '\\'
  const [line, second] = lexLines(splitLines(decoded.text), { escape, reporter })
  if (line === undefined) reporter.report(lineRange(1), 'structure', 'the instruction is empty')
  if (second !== undefined) reporter.report(second.range, 'structure', 'only one instruction is allowed here')
  const instruction = line === undefined ? undefined : parseLine(line, escape, reporter)
  if (instruction !== undefined) {
    const isAllowed = options.allowed?.includes(instruction.kind) ?? true
    if (instruction.kind === 'FROM' || !isAllowed) {
      reporter.report(instruction.range, 'not-allowed', `${instruction.kind} is not allowed here`)
    }
  }
  if (reporter.problems.length > 0) throw invalidDockerfile(reporter.problems, decoded.text)
  if (instruction === undefined || instruction.kind === 'FROM') {
    throw failure('INTERNAL', { reason: 'an instruction was refused without a problem' })
  }
  return instruction
}

interface ParsedLine {
  readonly line: LogicalLine
  readonly instruction: Instruction | undefined
}

interface Grouped {
  readonly globalArgs: readonly ArgInstruction[]
  readonly stages: readonly Stage[]
}

function groupStages(parsed: readonly ParsedLine[], lines: readonly string[], reporter: Reporter): Grouped {
  const isFrom = ({ line }: ParsedLine): boolean => /^from(\s|$)/i.test(line.text)
  const first = parsed.findIndex(isFrom)
  const before = first < 0 ? parsed : parsed.slice(0, first)
  const globalArgs = before.flatMap(({ instruction }) => (instruction?.kind === 'ARG' ? [instruction] : []))
  reportMissingFrom(parsed, before, lines, reporter)
  const stages: Stage[] = []
  let open: { from: FromInstruction; instructions: StageInstruction[]; end: SourceRange['end'] } | undefined
  const close = (): void => {
    if (open !== undefined) stages.push(toStage(stages.length, open.from, open.instructions, open.end))
    open = undefined
  }
  for (const { line, instruction } of first < 0 ? [] : parsed.slice(first)) {
    if (instruction?.kind === 'FROM') {
      close()
      open = { from: instruction, instructions: [], end: line.range.end }
    } else if (open !== undefined) {
      if (instruction !== undefined) open.instructions.push(instruction)
      open.end = line.range.end
    }
  }
  close()
  const tooMany = stages[limits.stages]
  if (tooMany === undefined) return { globalArgs, stages }
  reporter.report(tooMany.from.range, 'limit', `more than ${limits.stages} stages`)
  return { globalArgs, stages: stages.slice(0, limits.stages) }
}

function reportMissingFrom(
  parsed: readonly ParsedLine[],
  before: readonly ParsedLine[],
  lines: readonly string[],
  reporter: Reporter,
): void {
  if (parsed.length === 0) {
    if (reporter.problems.length > 0) return
    reporter.report(lineRange(1), 'structure', 'Dockerfile has no instructions')
    return
  }
  const early = before.find(({ instruction }) => instruction !== undefined && instruction.kind !== 'ARG')
  if (early !== undefined) {
    const { line } = early
    const at = lineRange(line.range.start.line, early.instruction?.keyword.length)
    const start = line.range.start
    const range = { start, end: { line: start.line, column: start.column + at.end.column - 1 } }
    reporter.report(range, 'structure', 'no build stage yet: FROM must come first', { within: line.range })
  } else if (before.length === parsed.length && reporter.problems.length === 0) {
    const last = Math.max(1, lines.findLastIndex((line) => line.trim() !== '') + 1)
    reporter.report(
      lineRange(last, lines[last - 1]?.length),
      'structure',
      'no FROM: a Dockerfile needs a build stage',
    )
  }
}

function toStage(
  index: number,
  from: FromInstruction,
  instructions: readonly StageInstruction[],
  end: SourceRange['end'],
): Stage {
  return {
    kind: 'stage',
    index,
    ...(from.alias === undefined ? {} : { name: from.alias.text.toLowerCase() }),
    base: from.base,
    ...(from.platform === undefined ? {} : { platform: from.platform }),
    from,
    instructions,
    range: { start: from.range.start, end },
  }
}
