import { suggest } from '../util/suggest.ts'
import type { Instruction, OnbuildInstruction, StageInstruction } from './ast.ts'
import { parseCommentDirective } from './comment-directive.ts'
import { parseCommand, parseRunCommand, parseShellArgs } from './commands.ts'
import {
  parseExpose,
  parseHealthcheck,
  parseOneWord,
  parseStopsignal,
  parseVolumes,
} from './config-instructions.ts'
import { parseCopy } from './copy.ts'
import { readFlags } from './flags.ts'
import { parseFrom } from './from.ts'
import { reportInstruction, restOf } from './instruction-body.ts'
import type { InstructionBody } from './instruction-body.ts'
import { parseArgDeclarations, parseKeyValues } from './key-values.ts'
import { rangeOf } from './logical-line.ts'
import type { LogicalLine } from './logical-line.ts'
import type { Reporter } from './reporter.ts'
import { parseRunFlags } from './run-flags.ts'

/** What begins with a keyword. */
type KeywordKind = Exclude<Instruction['kind'], 'UNSET'>
type Common = Pick<StageInstruction, 'keyword' | 'text' | 'range' | 'heredocs' | 'comment'>
type Parse<Kind extends KeywordKind> = (
  body: InstructionBody,
  common: Common,
) => Extract<Instruction, { kind: Kind }> | undefined

const parsers: { readonly [Kind in KeywordKind]: Parse<Kind> } = {
  ADD: (body, common) => {
    const parts = parseCopy(body, readFlags(body))
    return parts && { kind: 'ADD', ...common, ...parts }
  },
  ARG: (body, common) => {
    const args = parseArgDeclarations(body)
    return args && { kind: 'ARG', ...common, args }
  },
  CMD: (body, common) => {
    const command = parseCommand(body)
    return command && { kind: 'CMD', ...common, command }
  },
  COPY: (body, common) => {
    const parts = parseCopy(body, readFlags(body))
    return parts && { kind: 'COPY', ...common, ...parts }
  },
  ENTRYPOINT: (body, common) => {
    const command = parseCommand(body)
    return command && { kind: 'ENTRYPOINT', ...common, command }
  },
  ENV: (body, common) => {
    const parts = parseKeyValues(body)
    return parts && { kind: 'ENV', ...common, ...parts }
  },
  EXPOSE: (body, common) => {
    const ports = parseExpose(body)
    return ports && { kind: 'EXPOSE', ...common, ports }
  },
  FROM: (body, common) => {
    const parts = parseFrom(body, readFlags(body))
    return parts && { kind: 'FROM', ...common, ...parts }
  },
  HEALTHCHECK: (body, common) => {
    const parts = parseHealthcheck(body, readFlags(body))
    return parts && { kind: 'HEALTHCHECK', ...common, ...parts }
  },
  LABEL: (body, common) => {
    const parts = parseKeyValues(body)
    return parts && { kind: 'LABEL', ...common, ...parts }
  },
  MAINTAINER: (body, common) => {
    const author = restOf(body).text
    if (author === '') return reportInstruction(body, 'missing-argument', 'MAINTAINER needs a name')
    return { kind: 'MAINTAINER', ...common, author }
  },
  ONBUILD: (body, common) => parseOnbuild(body, common),
  RUN: (body, common) => {
    const flags = readFlags(body)
    const command = parseRunCommand(body, flags.rest)
    const parts = parseRunFlags(body, flags)
    return command && { kind: 'RUN', ...common, command, ...parts }
  },
  SHELL: (body, common) => {
    const args = parseShellArgs(body)
    return args && { kind: 'SHELL', ...common, args }
  },
  STOPSIGNAL: (body, common) => {
    const signal = parseStopsignal(body)
    return signal && { kind: 'STOPSIGNAL', ...common, signal }
  },
  USER: (body, common) => {
    const user = parseOneWord(body, 'a user')
    return user && { kind: 'USER', ...common, user }
  },
  VOLUME: (body, common) => {
    const paths = parseVolumes(body)
    return paths && { kind: 'VOLUME', ...common, paths }
  },
  WORKDIR: (body, common) => {
    const path = parseOneWord(body, 'a path')
    return path && { kind: 'WORKDIR', ...common, path }
  },
}

/** The instruction names, upper case. */
const instructionNames: readonly string[] = Object.keys(parsers)

/** Parses one lexed instruction; undefined when it is wrong, which the reporter then knows. */
export function parseLine(line: LogicalLine, escape: string, reporter: Reporter): Instruction | undefined {
  if (line.isDirective === true) return parseCommentDirective(line, escape, reporter)
  const keyword = /^\S+/.exec(line.text)?.[0] ?? ''
  const name = keyword.toUpperCase()
  const body: InstructionBody = { line, name, from: keyword.length, escape, reporter }
  if (!isKind(name)) {
    const range = rangeOf(line, 0, keyword.length)
    const suggestion = suggest(name, instructionNames)
    reporter.report(range, 'unknown-instruction', `unknown instruction "${keyword}"`, {
      within: line.range,
      suggestion,
    })
    return undefined
  }
  const { text, range, heredocs, comment } = line
  return parsers[name](body, {
    keyword,
    text,
    range,
    heredocs,
    ...(comment === undefined ? {} : { comment }),
  })
}

function isKind(name: string): name is KeywordKind {
  return Object.hasOwn(parsers, name)
}

function parseOnbuild(body: InstructionBody, common: Common): OnbuildInstruction | undefined {
  const rest = restOf(body)
  if (rest.text === '') return reportInstruction(body, 'missing-argument', 'ONBUILD needs an instruction')
  const name = /^\S+/.exec(rest.text)?.[0].toUpperCase() ?? ''
  if (name === 'ONBUILD' || name === 'FROM' || name === 'MAINTAINER') {
    const range = rangeOf(body.line, rest.from, rest.from + name.length)
    const message = `${name} is not allowed as a trigger of ONBUILD`
    body.reporter.report(range, 'not-allowed', message, { within: body.line.range })
    return undefined
  }
  const segments = body.line.segments.map((segment) => ({ ...segment, offset: segment.offset - rest.from }))
  const inner: LogicalLine = { ...body.line, text: rest.text, segments }
  const instruction = parseLine(inner, body.escape, body.reporter)
  if (instruction === undefined || instruction.kind === 'FROM') return undefined
  return { kind: 'ONBUILD', ...common, trigger: triggerText(inner), instruction }
}

/** The image config keeps one string: a heredoc goes behind the line, where `parseInstruction` finds it again. */
function triggerText({ text, heredocs }: LogicalLine): string {
  return [text, ...heredocs.map(({ content, name }) => content + name)].join('\n')
}
