import type { Command, Heredoc } from './ast.ts'
import { parseJsonStrings, reportAt, reportInstruction, restOf } from './instruction-body.ts'
import type { InstructionBody } from './instruction-body.ts'

/** Exec form when the text is a JSON array of strings, else shell form with all of it (B08). */
export function parseCommand(body: InstructionBody, from: number = body.from): Command | undefined {
  const rest = restOf(body, from)
  if (rest.text === '') return reportInstruction(body, 'missing-argument', `${body.name} needs a command`)
  const strings = parseJsonStrings(rest)
  if (strings === undefined) return { form: 'shell', text: rest.text }
  return { form: 'exec', args: strings.map(({ text }) => text) }
}

/** The command of RUN: as above, or a heredoc as script, or a shell line with its heredocs behind it (B07). */
export function parseRunCommand(body: InstructionBody, from: number): Command | undefined {
  const command = parseCommand(body, from)
  const { heredocs } = body.line
  if (command?.form === 'exec' && command.args.length === 0) {
    return reportAt(body, restOf(body, from), 'missing-argument', 'RUN needs a command: [] is empty')
  }
  const [first] = heredocs
  if (command?.form !== 'shell' || first === undefined) return command
  const isOnly = heredocs.length === 1 && /^\d*<<-?\S+$/.test(command.text)
  if (isOnly) return { form: 'script', heredoc: first }
  return { form: 'shell', text: [command.text, ...heredocs.map(heredocText)].join('\n') }
}

function heredocText({ content, name }: Heredoc): string {
  return content + name
}

/** The strings of SHELL: JSON form only. */
export function parseShellArgs(body: InstructionBody): readonly string[] | undefined {
  const rest = restOf(body)
  if (rest.text === '')
    return reportInstruction(body, 'missing-argument', 'SHELL needs a shell, in JSON form')
  const args = parseJsonStrings(rest)?.map(({ text }) => text)
  if (args === undefined) {
    const example = rest.text.startsWith('[') ? '["/bin/sh", "-c"]' : jsonExample(rest.text)
    return reportAt(body, rest, 'syntax', `SHELL needs the JSON form, like ${example}`)
  }
  if (args.length === 0) return reportAt(body, rest, 'missing-argument', 'SHELL needs a shell: [] is empty')
  return args
}

function jsonExample(text: string): string {
  return JSON.stringify(text.slice(0, 80).split(/\s+/)).replaceAll('","', '", "')
}
