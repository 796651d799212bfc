import type { Dockerfile, Warning } from '../dockerfile/ast.ts'
import { warningExcerpt } from '../dockerfile/warning-excerpt.ts'
import { failure } from '../util/errors.ts'
import type { BuildEvent } from './build.ts'

/** Tells a build's findings; with `check=error=true` they end it before anything has run. */
export function reportWarnings(
  dockerfile: Dockerfile,
  findings: readonly Warning[],
  emit: (event: BuildEvent) => void,
): void {
  const { fileName: file, source } = dockerfile
  for (const warning of findings) {
    if (warning.hint === 'check') continue
    const { rule, message, description, note, url, line } = warning
    const excerpt = warningExcerpt(warning, source)
    const more = { ...(note && { note }), ...(url && { url }) }
    emit({ type: 'warning', rule, message, description, ...more, line, excerpt, file })
  }
  const rules = violatedRules(dockerfile, findings)
  if (rules.length > 0) throw failure('DOCKERFILE_WARNINGS', { rules: rules.join(', ') })
}

/** The rules that end a build by `check=error=true`. */
export function violatedRules({ directives }: Dockerfile, warnings: readonly Warning[]): string[] {
  if (directives.check?.error !== true) return []
  return [...new Set(warnings.flatMap(({ rule, hint }) => (hint === undefined ? rule : [])))]
}
