import { closeSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { parseIgnore } from '../../dockerfile/ignore.ts'
import type { IgnoreRules } from '../../dockerfile/ignore.ts'
import { openFileInRoot } from '../../linux/open-in-root.ts'

/** The rules of a context's ignore file. */
export interface Ignore {
  readonly rules: IgnoreRules
  /** As it is named in errors. */
  readonly file: string
}

const defaultName = '.dockerignore'

/**
 * `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore` of the folder (B57); a named context has
 * only the latter (B58). Errors: IGNORE_PATTERN_INVALID, DOCKERFILE_LIMIT.
 */
export function findIgnore(root: string, dockerfile?: string): Ignore | undefined {
  if (dockerfile !== undefined) {
    const name = `${basename(dockerfile)}${defaultName}`
    const text = readInRoot(dirname(dockerfile), name)
    const file = relative(root, join(dirname(dockerfile), name))
    if (text !== undefined) return { rules: parseIgnore(text.toString(), file), file }
  }
  const text = readInRoot(root, defaultName)
  return text === undefined
    ? undefined
    : { rules: parseIgnore(text.toString(), defaultName), file: defaultName }
}

/** A regular file of the folder; a link in it leads nowhere else (C-B4). */
export function readInRoot(root: string, path: string): Buffer | undefined {
  const descriptor = openFileInRoot(root, path)
  if (descriptor === undefined) return undefined
  try {
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
