import type {
  AddInstruction,
  CopyInstruction,
  ExposeInstruction,
  Stage,
  StageInstruction,
  Warning,
  WorkdirInstruction,
  Word,
} from './ast.ts'
import { expandIn } from './check-scope.ts'
import type { CheckScope } from './check-scope.ts'
import type { IgnoreRules } from './ignore.ts'
import { finding, findingAt } from './rules.ts'
import { namesSecret } from './secret-names.ts'

/** Findings about one instruction; `scope` is what it sees. */
export function checkInstruction(
  instruction: StageInstruction,
  scope: CheckScope,
  escape: string,
  ignore: IgnoreRules | undefined,
): Warning[] {
  switch (instruction.kind) {
    case 'ENV':
    case 'LABEL': {
      const { keyword, legacy } = instruction
      const message = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`
      return [
        ...(legacy ? [findingAt('LegacyKeyValueFormat', instruction, message)] : []),
        ...(instruction.kind === 'ENV' ? checkSecrets(instruction, instruction.pairs) : []),
      ]
    }
    case 'ARG':
      return checkSecrets(instruction, instruction.args)
    case 'EXPOSE':
      return checkPorts(instruction, scope, escape)
    case 'WORKDIR':
      return checkWorkdir(instruction, scope, escape)
    case 'CMD':
    case 'ENTRYPOINT': {
      if (instruction.command.form === 'exec' || scope.hasShell) return []
      const message = `JSON arguments recommended for ${instruction.kind} to prevent unintended behavior related to OS signals`
      return [findingAt('JSONArgsRecommended', instruction, message)]
    }
    case 'COPY':
    case 'ADD':
      return ignore === undefined ? [] : checkIgnored(instruction, scope, escape, ignore)
    default:
      return []
  }
}

function checkSecrets(
  instruction: StageInstruction,
  settings: readonly { readonly name: Word }[],
): Warning[] {
  return settings.flatMap(({ name }) => {
    if (!namesSecret(name.text)) return []
    const message = `Do not use ARG or ENV instructions for sensitive data (${instruction.kind} ${JSON.stringify(name.text)})`
    return [finding('SecretsUsedInArgOrEnv', { range: name.range, within: instruction.range }, message)]
  })
}

function checkPorts(instruction: ExposeInstruction, scope: CheckScope, escape: string): Warning[] {
  const ports = instruction.ports.flatMap((word) => {
    const text = expandIn(word.text, scope.values, escape)
    return text === undefined ? [] : [{ text, range: word.range }]
  })
  // as BuildKit, which sorts them
  const sorted = ports.toSorted((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
  return sorted.flatMap(({ text, range }) => {
    const place = { range, within: instruction.range }
    const protocol = text.slice(text.lastIndexOf('/') + 1)
    const isCased = text.includes('/') && protocol !== protocol.toLowerCase()
    const casing = `Defined protocol '${text}' in EXPOSE instruction should be lowercase`
    const mapping = `EXPOSE instruction should not define an IP address or host-port mapping, found '${text}'`
    return [
      ...(isCased ? [finding('ExposeProtoCasing', place, casing, { suggestion: text.toLowerCase() })] : []),
      ...(text.includes(':') ? [finding('ExposeInvalidFormat', place, mapping)] : []),
    ]
  })
}

/** Only the first WORKDIR is looked at: an absolute one there mends all that follow. */
function checkWorkdir(instruction: WorkdirInstruction, scope: CheckScope, escape: string): Warning[] {
  const path = expandIn(instruction.path.text, scope.values, escape)
  if (scope.hasWorkdir || path === undefined || path.startsWith('/')) return []
  const message = `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`
  return [
    finding('WorkdirRelativePath', { range: instruction.path.range, within: instruction.range }, message),
  ]
}

/** A source that an ignore rule hides. A rule that takes back part of it makes it no finding. */
function checkIgnored(
  instruction: CopyInstruction | AddInstruction,
  scope: CheckScope,
  escape: string,
  ignore: IgnoreRules,
): Warning[] {
  if (instruction.kind === 'COPY' && instruction.from !== undefined) return []
  const verb = instruction.kind === 'COPY' ? 'Copy' : 'Add'
  return instruction.sources.flatMap((source) => {
    const text = source.kind === 'path' ? expandIn(source.word.text, scope.values, escape) : undefined
    if (source.kind !== 'path' || text === undefined) return []
    if (instruction.kind === 'ADD' && /^([a-z][a-z0-9+.-]*:\/\/|git@)/i.test(text)) return []
    const path = cleanSource(text)
    const { ignored, rule } = ignore.match(path)
    if (path === '' || !ignored || rule === undefined || ignore.mayContainIncluded(path)) return []
    const message = `Attempting to ${verb} file ${JSON.stringify(text)} that is excluded by .dockerignore`
    const note = `line ${rule.line} of the ignore file: ${rule.pattern}`
    const place = { range: source.word.range, within: instruction.range }
    return [finding('CopyIgnoredFile', place, message, { note })]
  })
}

/** Relative to the context's root, which `..` does not leave. */
function cleanSource(text: string): string {
  const parts: string[] = []
  for (const part of text.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

export function checkRepeated({ instructions }: Stage): Warning[] {
  return ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'].flatMap((kind) => {
    const message = `Multiple ${kind} instructions should not be used in the same stage because only the last one will be used`
    return instructions
      .filter((item) => item.kind === kind)
      .slice(0, -1)
      .map((item) => findingAt('MultipleInstructionsDisallowed', item, message))
  })
}
