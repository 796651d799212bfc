import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isNode, isScalar, LineCounter, type Pair, parseDocument } from 'yaml'
import type { core } from 'zod'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure, messageOf } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { RegistrySettings } from './registry-settings.ts'
import { knownKeys, settingsSchema } from './settings-schema.ts'

/**
 * The configuration file of a registry. Paths in it are relative to its folder.
 * Throws REGISTRY_CONFIG_INVALID with the line of the first thing that is wrong, or the file's error.
 */
export async function readRegistrySettings(path: string): Promise<RegistrySettings> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fromNodeError(error, path)
  })
  return parseRegistrySettings(text, path)
}

/** `path` is where the text comes from: for messages, and for the paths in it. */
export function parseRegistrySettings(text: string, path: string): RegistrySettings {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [broken] = document.errors
  if (broken !== undefined) {
    throw invalid(path, lines.linePos(broken.pos[0]).line, messageOf(broken))
  }
  let value: unknown
  try {
    value = document.toJS()
  } catch (error) {
    throw invalid(path, 1, messageOf(error))
  }
  const result = settingsSchema(resolve(dirname(path))).safeParse(value ?? {})
  if (result.success) return result.data
  const { issues } = result.error
  // a key with a slip of the pen is also missing where it should be
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]
  if (issue === undefined) throw invalid(path, 1, result.error.message)
  const { offset, reason } = explain(document, issue)
  throw invalid(path, lines.linePos(offset).line, reason)
}

function invalid(path: string, line: number, reason: string): Error {
  return failure('REGISTRY_CONFIG_INVALID', { path, line, reason })
}

/** Where in the text, and what is wrong there in the words of who wrote it. */
function explain(document: Document, issue: core.$ZodIssue): { offset: number; reason: string } {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  const name = path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? ''
    const known = knownKeys(path)
    const near = suggest(key, known)
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`
    const place = path.length === 0 ? '' : ` in ${name}`
    return { offset: keyOffset(document, path, key), reason: `unknown key "${key}"${place}: ${hint}` }
  }
  return {
    offset: valueOffset(document, path),
    reason: name === '' ? issue.message : `${name}: ${issue.message}`,
  }
}

/** Of the value at `path`, or of what it should stand in. */
function valueOffset(document: Document, path: readonly (string | number)[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

function keyOffset(document: Document, path: readonly (string | number)[], key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true)
  const pairs: readonly Pair[] = isMap(map) ? map.items : []
  const found = pairs.find(({ key: node }) => isScalar(node) && node.value === key)?.key
  return isNode(found) && found.range ? found.range[0] : valueOffset(document, path)
}
