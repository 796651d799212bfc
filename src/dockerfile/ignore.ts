import { failure, isMilleError } from '../util/errors.ts'
import { compileGlob } from './glob.ts'
import type { Glob } from './glob.ts'
import { limits } from './limits.ts'

/** A line of the ignore file, as written (trimmed). */
export interface IgnoreRule {
  readonly pattern: string
  readonly line: number
}

export interface IgnoreResult {
  readonly ignored: boolean
  /** The last rule that matched; absent when none did. */
  readonly rule?: IgnoreRule
}

export interface IgnoreRules {
  readonly rules: readonly IgnoreRule[]
  /** `path` is relative to the context's root, with `/` between parts. A rule for a folder holds for all below it. */
  match(path: string): IgnoreResult
  /** May something below the ignored folder `folder` be taken back by a `!` rule? If not, it need not be read. */
  mayContainIncluded(folder: string): boolean
}

interface CompiledRule {
  readonly rule: IgnoreRule
  readonly exception: boolean
  readonly glob: Glob
}

/**
 * Reads `.dockerignore` (B57): `#` comment lines, `!` exceptions, the last match wins, `**` spans folders, patterns
 * are anchored at the context's root. Errors: IGNORE_PATTERN_INVALID with file and line; DOCKERFILE_LIMIT.
 */
export function parseIgnore(text: string, fileName: string): IgnoreRules {
  if (text.length > limits.fileBytes) {
    throw failure('DOCKERFILE_LIMIT', { reason: `${fileName} is larger than ${limits.fileBytes} bytes` })
  }
  const rules: IgnoreRule[] = []
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const pattern = raw.trim()
    if (raw.startsWith('#') || pattern === '') continue
    rules.push({ pattern, line: index + 1 })
    if (rules.length > limits.ignorePatterns) {
      throw failure('DOCKERFILE_LIMIT', {
        reason: `${fileName} has more than ${limits.ignorePatterns} patterns`,
      })
    }
  }
  return compileRules(rules, fileName)
}

/** The patterns of `--exclude`, in order: as lines of an ignore file (B42). Errors: IGNORE_PATTERN_INVALID. */
export function excludeRules(patterns: readonly string[]): IgnoreRules {
  const rules = patterns.map((pattern, index) => ({ pattern: pattern.trim(), line: index + 1 }))
  return compileRules(
    rules.filter(({ pattern }) => pattern !== ''),
    '--exclude',
  )
}

function compileRules(rules: readonly IgnoreRule[], fileName: string): IgnoreRules {
  const compiled = rules.map((rule) => compileRule(rule, fileName))
  const exceptions = compiled.filter(({ exception }) => exception)
  return {
    rules,
    match: (path) => {
      const found = compiled.findLast(({ glob }) => glob.matchesWithParents(path))
      return found === undefined ? { ignored: false } : { ignored: !found.exception, rule: found.rule }
    },
    mayContainIncluded: (folder) => exceptions.some(({ glob }) => glob.mayMatchBelow(folder)),
  }
}

function compileRule(rule: IgnoreRule, file: string): CompiledRule {
  const exception = rule.pattern.startsWith('!')
  const written = exception ? rule.pattern.slice(1).trim() : rule.pattern
  const invalid = (reason: string): Error => failure('IGNORE_PATTERN_INVALID', { file, ...rule, reason })
  if (written === '') throw invalid('nothing after !')
  if (written.length > limits.ignorePatternLength) throw invalid('too long')
  try {
    return { rule, exception, glob: compileGlob(cleanPattern(written), { doubleStar: true }) }
  } catch (error) {
    throw isMilleError(error, 'INVALID_ARGUMENT') ? invalid(error.message) : error
  }
}

/** `./a//b/../c/` becomes `a/c`, a leading `/` goes; `..` above the root stays and so matches nothing. */
function cleanPattern(pattern: string): string {
  const parts: string[] = []
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '..' || !pattern.startsWith('/')) parts.push(part)
  }
  return parts.join('/')
}
