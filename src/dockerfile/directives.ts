import type { Directive, Directives } from './ast.ts'
import type { Reporter } from './reporter.ts'
import { parseCheckOptions } from './check-options.ts'
import { lineRange } from './source.ts'

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
function isBuiltinFrontend(value: string): boolean {
  const name = value.trim().split(/[\s@]/, 1)[0] ?? ''
  const colon = name.lastIndexOf(':')
  return builtinFrontends.has(colon > name.lastIndexOf('/') ? name.slice(0, colon) : name)
}

/** Build arguments that win over directives of the file. */
export interface DirectiveOverrides {
  /** BUILDKIT_SYNTAX. */
  readonly syntax?: string
  /** BUILDKIT_DOCKERFILE_CHECK. */
  readonly check?: string
}

/** Reads `# name=value` lines at the very top; the first other line ends them, its index is `end` (B06). */
export function parseDirectives(
  lines: readonly string[],
  reporter: Reporter,
  overrides: DirectiveOverrides = {},
): { readonly directives: Directives; readonly end: number } {
  const found = new Map<string, Directive>()
  let escape: Directives['escape'] = '\\'
  let end = 0
  for (const [index, line] of lines.entries()) {
    if (index === 0 && line.startsWith('#!')) continue
    const match = /^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+)$/d.exec(line.trimEnd())
    if (match === null) break
    end = index + 1
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
  refuseForeignSyntax(syntax, reporter, overrides.syntax)
  const check = parseCheck(found.get('check'), reporter, overrides.check)
  return { directives: { escape, ...(syntax ? { syntax } : {}), ...(check ? { check } : {}) }, end }
}

function refuseForeignSyntax(syntax: Directive | undefined, reporter: Reporter, override?: string): void {
  const value = override ?? syntax?.value
  if (value === undefined || isBuiltinFrontend(value)) return
  const range = syntax?.range ?? { start: { line: 1, column: 1 }, end: { line: 1, column: 2 } }
  const message = `frontend image "${value}" is not supported: mille has docker/dockerfile built in and runs no other`
  reporter.report(range, 'directive', message)
}

function parseCheck(
  directive: Directive | undefined,
  reporter: Reporter,
  override: string | undefined,
): Directives['check'] {
  const text = override ?? directive?.value
  if (text === undefined) return undefined
  const range = directive?.range ?? lineRange(1)
  const options = parseCheckOptions(text)
  if (typeof options !== 'string') return { ...options, range }
  const message = override === undefined ? options : `build argument BUILDKIT_DOCKERFILE_CHECK: ${options}`
  reporter.report(range, 'directive', message)
  return undefined
}
