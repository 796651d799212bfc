import type { FromInstruction } from './ast.ts'
import type { Flags } from './flags.ts'
import { hasVariable, reportAt, reportInstruction, splitPlain, toWord } from './instruction-body.ts'
import type { InstructionBody, Span } from './instruction-body.ts'
import { checkPlatform } from './values.ts'

const stageName = /^[a-z][a-z0-9_.-]*$/i

/** `FROM [--platform=…] base [AS name]` (B20). */
export function parseFrom(
  body: InstructionBody,
  flags: Flags,
): Pick<FromInstruction, 'base' | 'alias' | 'platform'> | undefined {
  const words = splitPlain(body, flags.rest)
  const [base, as, name] = words
  if (base === undefined || (words.length !== 1 && words.length !== 3)) return reportForm(body, words)
  const platform = flags.values.get('platform')
  if (platform !== undefined && !hasVariable(platform.text)) {
    const fault = checkPlatform(platform.text.replace(/^(["'])(.*)\1$/, '$2'))
    if (fault !== undefined) reportAt(body, platform.range, 'invalid-value', fault.reason, fault.suggestion)
  }
  const parts = { base: toWord(body, base), ...(platform === undefined ? {} : { platform }) }
  if (as === undefined || name === undefined) return parts
  if (as.text.toUpperCase() !== 'AS') return reportForm(body, words)
  if (!stageName.test(name.text)) {
    const rule = 'must begin with a letter and have only letters, digits and _ . -'
    return reportAt(body, name, 'stage', `invalid stage name "${name.text}": ${rule}`)
  }
  return { ...parts, alias: toWord(body, name) }
}

function reportForm(body: InstructionBody, words: readonly Span[]): undefined {
  const message = 'FROM needs one argument, or three: FROM base AS name'
  const wrong = words[1]
  if (wrong === undefined) return reportInstruction(body, 'missing-argument', message)
  return reportAt(body, wrong, 'syntax', message)
}
