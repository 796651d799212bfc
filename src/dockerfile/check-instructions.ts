import type { CopyInstruction, Stage, StageInstruction, AddInstruction, Warning } from './ast.ts'
import type { GlobalScope } from './global-args.ts'
import { hasVariable } from './instruction-body.ts'
import { warn } from './rules.ts'

/** Findings about single instructions and about several in one stage. */
export function checkStageInstructions({ stages, globalArgs }: GlobalScope): Warning[] {
  const withWorkdir = new Set<string>()
  return [
    ...globalArgs.flatMap(checkSecrets),
    ...stages.flatMap((stage) => [
      ...stage.instructions.flatMap((item) => checkOne(item.kind === 'ONBUILD' ? item.instruction : item)),
      ...checkCommands(stage),
      ...checkRepeated(stage),
      ...checkWorkdirs(stage, withWorkdir),
    ]),
  ]
}

function checkOne(instruction: StageInstruction): Warning[] {
  const { kind, range } = instruction
  switch (kind) {
    case 'MAINTAINER': {
      const message = 'Maintainer instruction is deprecated in favor of using label'
      return [warn('MaintainerDeprecated', range, message, 'LABEL org.opencontainers.image.authors=…')]
    }
    case 'ENV':
    case 'LABEL': {
      const message = `"${kind} key=value" should be used instead of legacy "${kind} key value" format`
      const legacy = instruction.legacy ? [warn('LegacyKeyValueFormat', range, message)] : []
      return [...legacy, ...checkSecrets(instruction)]
    }
    case 'ARG':
      return checkSecrets(instruction)
    case 'EXPOSE':
      return instruction.ports.flatMap(({ text, range }) => [
        ...(!hasVariable(text) && /[A-Z]/.test(text)
          ? [
              warn(
                'ExposeProtoCasing',
                range,
                `Defined protocol '${text}' in EXPOSE should be lowercase`,
                text.toLowerCase(),
              ),
            ]
          : []),
        ...(!hasVariable(text) && text.includes(':')
          ? [
              warn(
                'ExposeInvalidFormat',
                range,
                `EXPOSE '${text}' should not define an IP address or host-port mapping`,
              ),
            ]
          : []),
      ])
    case 'COPY':
    case 'ADD':
      return checkOutside(instruction)
    default:
      return []
  }
}

const secretWords = new Set(
  'apikey auth credential credentials key password pword passwd secret token'.split(' '),
)

function checkSecrets(instruction: StageInstruction): Warning[] {
  const names =
    instruction.kind === 'ARG'
      ? instruction.args.map(({ name }) => name)
      : instruction.kind === 'ENV'
        ? instruction.pairs.map(({ name }) => name)
        : []
  return names.flatMap(({ text, range }) => {
    const parts = text.toLowerCase().split('_')
    if (!parts.some((part) => secretWords.has(part)) || parts.includes('public')) return []
    const message = `Do not use ARG or ENV instructions for sensitive data (${instruction.kind} "${text}")`
    return [warn('SecretsUsedInArgOrEnv', range, message)]
  })
}

function checkOutside({ kind, sources, ...copy }: CopyInstruction | AddInstruction): Warning[] {
  if ('from' in copy && copy.from !== undefined) return []
  return sources.flatMap((source) => {
    if (source.kind === 'heredoc') return []
    const { text, range } = source.word
    let depth = 0
    const isOutside = text
      .split('/')
      .some((part) => (depth += part === '..' ? -1 : /^\.?$/.test(part) ? 0 : 1) < 0)
    if (!isOutside || /^[a-z]+:\/\//i.test(text)) return []
    const cleaned = text.replaceAll(/(^|\/)\.\.(?=\/|$)/g, '').replace(/^\/+/, '') || '.'
    const message = `${kind} source '${text}' is outside of the context: taken from the root of the context instead`
    return [warn('CopyOutsideContext', range, message, cleaned)]
  })
}

function checkCommands({ instructions }: Stage): Warning[] {
  let hasShell = false
  return instructions.flatMap((instruction) => {
    if (instruction.kind === 'SHELL') hasShell = true
    const { kind } = instruction
    if (kind !== 'CMD' && kind !== 'ENTRYPOINT' && kind !== 'RUN') return []
    const { command, range } = instruction
    if (command.form !== 'shell') return []
    if (looksLikeJson(command.text)) {
      const message = `${kind} looks like JSON but is not an array of strings in double quotes: it runs as a shell line`
      return [warn('JSONArgsRecommended', range, message)]
    }
    if (kind === 'RUN' || hasShell) return []
    const message = `JSON arguments recommended for ${kind} to prevent unintended behavior related to OS signals`
    return [warn('JSONArgsRecommended', range, message)]
  })
}

function looksLikeJson(text: string): boolean {
  return text.startsWith('[') && text.endsWith(']') && /["']/.test(text)
}

function checkRepeated({ instructions }: Stage): Warning[] {
  return ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'].flatMap((kind) => {
    const message = `Multiple ${kind} instructions should not be used in the same stage because only the last one will be used`
    return instructions
      .filter((item) => item.kind === kind)
      .slice(0, -1)
      .map(({ range }) => warn('MultipleInstructionsDisallowed', range, message))
  })
}

/** `known` holds the names of stages that have set an absolute WORKDIR, for the stages built on them. */
function checkWorkdirs({ base, name, instructions }: Stage, known: Set<string>): Warning[] {
  let isSet = known.has(base.text.toLowerCase())
  const warnings: Warning[] = []
  for (const instruction of instructions) {
    if (instruction.kind !== 'WORKDIR') continue
    const path = instruction.path.text.replace(/^["']/, '')
    // A variable may hold an absolute path; `C:\` is one on Windows.
    if (/^(\/|\$|[A-Za-z]:)/.test(path)) isSet = true
    else if (!isSet) {
      const message = `Relative workdir "${instruction.path.text}" can have unexpected results if the base image changes`
      warnings.push(warn('WorkdirRelativePath', instruction.range, message))
      isSet = true
    }
  }
  if (name !== undefined && isSet) known.add(name)
  return warnings
}
