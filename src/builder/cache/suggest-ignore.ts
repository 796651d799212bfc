import { compileGlob, hasWildcard } from '../../dockerfile/glob.ts'
import { parseIgnore, type IgnoreRules } from '../../dockerfile/ignore.ts'
import { isMilleError } from '../../util/errors.ts'
import type { CacheMiss } from '../build.ts'
import { cleanParts } from '../context/select-sources.ts'
import type { OpenedContext } from '../context/open-context.ts'
import { contextSources, type BuildStep } from '../plan/step.ts'
import { changedFiles } from './compare-files.ts'
import type { FileList } from './file-list.ts'

/** What hides files of a context, and where one could add to it. */
export interface ContextIgnore {
  /** Name of the ignore file in the context, which need not exist. */
  readonly file: string
  readonly patterns: readonly string[]
  /** Files of the context that only the build itself reads. */
  readonly own: readonly string[]
}

export interface IgnoreFacts {
  readonly ignore: ContextIgnore
  /** Every source that a step of the plan takes from the context, as written. */
  readonly sources: readonly string[]
}

/** Folders that no image is built from: repositories, what tools keep for themselves, what a package manager fetched. */
const folders = new Set(
  (
    '.git .hg .svn .bzr CVS .github .idea .vscode .vs node_modules __pycache__ .pytest_cache .mypy_cache .ruff_cache ' +
    '.tox .nox .venv venv .gradle .terraform .nyc_output coverage .cache .sass-cache .parcel-cache .turbo logs log tmp temp'
  ).split(' '),
)
const files = new Set('.DS_Store Thumbs.db .coverage .gitignore .gitattributes .editorconfig'.split(' '))
const endings = new Set('.log .tmp .swp .swo .bak .orig .rej .pyc .pyo'.split(' '))

/**
 * The one line for the ignore file with which the step would have been cached; undefined when there is none that can be
 * trusted: it must cover all that changed, and nothing of it may be named by any step.
 */
export function suggestIgnore(
  { ignore, sources }: IgnoreFacts,
  before: FileList,
  after: FileList,
): CacheMiss['advice'] {
  const changed = changedFiles(before, after).map(({ path }) => path)
  const [first] = changed
  if (first === undefined) return undefined
  const line = candidates(first, ignore.own).find((candidate) => {
    const rules = withLine(ignore, candidate)
    if (!changed.every((path) => rules.match(path).ignored)) return false
    return !hidesSource(rules, sources, after)
  })
  return line === undefined ? undefined : { file: ignore.file, line }
}

/** What is known of the build's own context. */
export function ignoreFacts(
  { ignore, dockerfilePath }: Pick<OpenedContext, 'ignore' | 'dockerfilePath'>,
  steps: readonly BuildStep[],
): IgnoreFacts {
  const { file = '.dockerignore', rules } = ignore ?? {}
  const own = dockerfilePath === undefined ? [file] : [dockerfilePath, file]
  return {
    ignore: { file, patterns: rules?.rules.map(({ pattern }) => pattern) ?? [], own },
    sources: steps.flatMap(({ op }) => contextSources(op)),
  }
}

/** Patterns that would cover `path`, the narrowest kind first. */
function candidates(path: string, own: readonly string[]): string[] {
  if (own.includes(path)) return [path]
  const parts = path.split('/')
  const found: string[] = []
  for (const [depth, part] of parts.entries()) {
    const isLast = depth === parts.length - 1
    if (folders.has(part) || (isLast && files.has(part)))
      found.push(parts.slice(0, depth + 1).join('/'), `**/${part}`)
    const ending = /.(\.[a-z]+)$/.exec(part)?.[1]
    if (isLast && ending !== undefined && endings.has(ending)) {
      if (depth === 0) found.push(`*${ending}`)
      found.push(`**/*${ending}`)
    }
  }
  return found
}

function withLine({ patterns, file }: ContextIgnore, line: string): IgnoreRules {
  return parseIgnore([...patterns, line].join('\n'), file)
}

function hidesSource(rules: IgnoreRules, sources: readonly string[], list: FileList): boolean {
  return sources.some((source) => {
    const path = cleanParts(source).join('/')
    if (path === '') return false
    if (rules.match(path).ignored) return true
    if (!hasWildcard(path)) return false
    try {
      const glob = compileGlob(path)
      for (const [name] of list) if (glob.matches(name) && rules.match(name).ignored) return true
      return false
    } catch (error) {
      // a bad pattern names nothing
      if (isMilleError(error, 'INVALID_ARGUMENT')) return false
      throw error
    }
  })
}
