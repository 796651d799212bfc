import type { Directive, Directives } from './ast.ts'
import type { Reporter } from './reporter.ts'
import { suggest } from '../util/suggest.ts'
import { checkRules } from './rules.ts'

const known = new Set(['check', 'escape', 'syntax'])

/** Repositories of the frontends whose language mille speaks itself (B04). */
const builtinFrontends = new Set([
  'docker/dockerfile',
  'docker/dockerfile-upstream',
  'docker.io/docker/dockerfile',
  'docker.io/docker/dockerfile-upstream',
  'index.docker.io/docker/dockerfile',
  'index.docker.io/docker/dockerfile-upstream',
  'dockerfile',
  'dockerfile.v0',
])

/** Is the value of `# syntax=` (or BUILDKIT_SYNTAX) a frontend that is built in, whatever its tag or digest? */
export function isBuiltinFrontend(value: string): boolean {
  const name = value.trim().split(/[\s@]/, 1)[0] ?? ''
  const colon = name.lastIndexOf(':')
  return builtinFrontends.has(colon > name.lastIndexOf('/') ? name.slice(0, colon) : name)
}

/**
 * Reads `# name=value` lines at the very top; the first other line ends them (B06). `syntaxOverride` is the build
 * argument BUILDKIT_SYNTAX, which wins over the file.
 */
export function parseDirectives(
  lines: readonly string[],
  reporter: Reporter,
  syntaxOverride?: string,
): Directives {
  const found = new Map<string, Directive>()
  let escape: Directives['escape'] = '\\'
  for (const [index, line] of lines.entries()) {
    if (index === 0 && line.startsWith('#!')) continue
    const match = /^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+)$/d.exec(line.trimEnd())
    if (match === null) break
    const name = (match[1] ?? '').toLowerCase()
    if (!known.has(name)) continue
    const value = match[2] ?? ''
    const [from, to] = match.indices?.[2] ?? [0, line.length]
    const range = {
      start: { line: index + 1, column: from + 1 },
      end: { line: index + 1, column: to + 1 },
    }
    if (found.has(name)) {
      reporter.report(range, 'directive', `only one ${name} directive is allowed`)
      continue
    }
    found.set(name, { name, value, range })
    if (name !== 'escape') continue
    if (value === '\\' || value === '`') escape = value
    else reporter.report(range, 'directive', `invalid escape "${value}": must be \\ or \``)
  }
  const syntax = found.get('syntax')
  refuseForeignSyntax(syntax, reporter, syntaxOverride)
  const check = parseCheck(found.get('check'), reporter)
  return { escape, ...(syntax ? { syntax } : {}), ...(check ? { check } : {}) }
}

function refuseForeignSyntax(syntax: Directive | undefined, reporter: Reporter, override?: string): void {
  const value = override ?? syntax?.value
  if (value === undefined || isBuiltinFrontend(value)) return
  const range = syntax?.range ?? { start: { line: 1, column: 1 }, end: { line: 1, column: 2 } }
  const message = `frontend image "${value}" is not supported: mille has docker/dockerfile built in and runs no other`
  reporter.report(range, 'directive', message)
}

function parseCheck(directive: Directive | undefined, reporter: Reporter): Directives['check'] {
  if (directive === undefined) return undefined
  let skip: 'all' | string[] = []
  let error = false
  for (const part of directive.value.split(';')) {
    const [key = '', value = ''] = part.split('=', 2).map((text) => text.trim())
    if (key === 'skip') {
      const names = value.split(',').map((name) => name.trim())
      skip = names.some((name) => name.toLowerCase() === 'all') ? 'all' : names
      reportUnknownRules(skip, directive, reporter)
    } else if (key === 'error' && /^(true|false|1|0)$/i.test(value)) {
      error = /^(true|1)$/i.test(value)
    } else {
      reporter.report(
        directive.range,
        'directive',
        `invalid check option "${part.trim()}": skip=RULE,… or error=true`,
      )
    }
  }
  return { skip, error, range: directive.range }
}

/** A misspelt rule would silently skip nothing. Unknown names that resemble none may belong to a newer checker. */
function reportUnknownRules(skip: 'all' | readonly string[], directive: Directive, reporter: Reporter): void {
  if (skip === 'all') return
  const names = checkRules.map(({ name }) => name)
  for (const name of skip) {
    const suggestion = suggest(name, names)
    if (suggestion !== undefined && suggestion.toLowerCase() !== name.toLowerCase()) {
      reporter.report(directive.range, 'directive', `unknown check rule "${name}"`, { suggestion })
    }
  }
}
