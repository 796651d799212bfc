import type { AddInstruction, CopyInstruction, RunInstruction, StageInstruction, Warning } from './ast.ts'
import { finding, findingAt } from './rules.ts'

/** Advice of mille's own about one instruction. */
export function checkHints(instruction: StageInstruction): Warning[] {
  switch (instruction.kind) {
    case 'COPY':
    case 'ADD':
      return checkOutside(instruction)
    case 'RUN':
      return [...checkForm(instruction), ...checkApt(instruction)]
    case 'CMD':
    case 'ENTRYPOINT':
      return checkForm(instruction)
    default:
      return []
  }
}

function checkOutside(instruction: CopyInstruction | AddInstruction): Warning[] {
  const { kind } = instruction
  if (instruction.kind === 'COPY' && instruction.from !== undefined) return []
  return instruction.sources.flatMap((source) => {
    if (source.kind === 'heredoc') return []
    const { text, range } = source.word
    let depth = 0
    const isOutside = text
      .split('/')
      .some((part) => (depth += part === '..' ? -1 : /^\.?$/.test(part) ? 0 : 1) < 0)
    if (!isOutside || /^[a-z]+:\/\//i.test(text)) return []
    const suggestion = text.replaceAll(/(^|\/)\.\.(?=\/|$)/g, '').replace(/^\/+/, '') || '.'
    const message = `${kind} source '${text}' is outside of the context: taken from the root of the context instead`
    return [finding('CopyOutsideContext', { range, within: instruction.range }, message, { suggestion })]
  })
}

function checkForm(
  instruction: Extract<StageInstruction, { kind: 'RUN' | 'CMD' | 'ENTRYPOINT' }>,
): Warning[] {
  const { kind, command } = instruction
  const text = command.form === 'shell' ? command.text : ''
  if (!text.startsWith('[') || !text.endsWith(']') || !/["']/.test(text)) return []
  const message = `${kind} looks like JSON but is not an array of strings in double quotes: it runs as a shell line`
  return [findingAt('JSONFormInvalid', instruction, message)]
}

/** `apt-get install` without --no-install-recommends (A78). */
function checkApt(instruction: RunInstruction): Warning[] {
  const { command } = instruction
  const script =
    command.form === 'exec'
      ? command.args.join(' ')
      : command.form === 'shell'
        ? command.text
        : command.heredoc.content
  if (!script.includes('install')) return []
  const isWasteful = script.split(/[;&|\n]+/).some((line) => {
    const words = line.split(/\s+/)
    const apt = words.findIndex((word) => /^(.*\/)?apt(-get)?$/.test(word))
    const install = words.indexOf('install', apt + 1)
    return (
      apt >= 0 &&
      install > 0 &&
      !words.some((word) => /no-install-recommends|Install-Recommends=["']?(0|false)/i.test(word))
    )
  })
  if (!isWasteful) return []
  const message = 'apt-get install without --no-install-recommends takes more packages than it names'
  return [findingAt('AptRecommends', instruction, message)]
}
