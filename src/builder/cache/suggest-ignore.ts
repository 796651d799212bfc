import { compileGlob, hasWildcard } from '../../dockerfile/glob.ts'
import { parseIgnore, type IgnoreRules } from '../../dockerfile/ignore.ts'
import { isMilleError } from '../../util/errors.ts'
import type { CacheMiss } from '../build.ts'
import { cleanParts } from '../context/select-sources.ts'
import type { OpenedContext } from '../context/open-context.ts'
import { contextSources, type BuildStep } from '../plan/step.ts'
import type { FileList } from './compare-files.ts'

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
 * trusted: it must cover all that changed, nothing of it may be named by any step, and it is evaluated on both lists.
 */
export function suggestIgnore(
  { ignore, sources }: IgnoreFacts,
  before: FileList,
  after: FileList,
): CacheMiss['advice'] {
  const changed = changedPaths(before, after)
  const [first] = changed
  if (first === undefined) return undefined
  const line = candidates(first, ignore.own).find((candidate) => {
    const rules = withLine(ignore, candidate)
    if (!changed.every((path) => rules.match(path).ignored)) return false
    return sameWithout(rules, before, after) && !hidesSource(rules, sources, after)
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

function changedPaths(before: FileList, after: FileList): string[] {
  const changed = [...after].filter(([path, line]) => before.get(path) !== line).map(([path]) => path)
  return [...changed, ...[...before.keys()].filter((path) => !after.has(path))]
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

function sameWithout(rules: IgnoreRules, before: FileList, after: FileList): boolean {
  const kept = (list: FileList): FileList => new Map([...list].filter(([path]) => !rules.match(path).ignored))
  return changedPaths(kept(before), kept(after)).length === 0
}

function hidesSource(rules: IgnoreRules, sources: readonly string[], list: FileList): boolean {
  return sources.some((source) => {
    const path = cleanParts(source).join('/')
    if (path === '') return false
    if (rules.match(path).ignored) return true
    if (!hasWildcard(path)) return false
    try {
      const glob = compileGlob(path)
      return [...list.keys()].some((name) => glob.matches(name) && rules.match(name).ignored)
    } catch (error) {
      // a bad pattern names nothing
      if (isMilleError(error, 'INVALID_ARGUMENT')) return false
      throw error
    }
  })
}
