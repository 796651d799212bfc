import { failure, isMilleError } from '../../util/errors.ts'
import { parseStrictJson } from '../../util/strict-json.ts'

/** What a Dockerfile's names led to: image tags to digests, git references to commits, URLs to checksums. */
export interface LockFile {
  readonly git: Readonly<Record<string, string>>
  readonly images: Readonly<Record<string, string>>
  readonly urls: Readonly<Record<string, string>>
}

export type LockKind = keyof LockFile

/** Without `before` it is new, without `after` it is gone. */
export interface LockChange {
  readonly kind: LockKind
  readonly name: string
  readonly before?: string
  readonly after?: string
}

const version = 1
const kinds: readonly LockKind[] = ['git', 'images', 'urls']
const largestFile = 4 * 1024 * 1024
const digest = /^sha256:[0-9a-f]{64}$/
const values: Readonly<Record<LockKind, RegExp>> = {
  git: /^([0-9a-f]{40}|[0-9a-f]{64})$/,
  images: digest,
  urls: digest,
}

/** LOCK_INVALID with the file's name: nothing of a file that is not understood whole is used. */
export function parseLock(bytes: Uint8Array, file: string): LockFile {
  const invalid = (reason: string, cause?: unknown): Error =>
    failure('LOCK_INVALID', { file, reason }, { cause })
  let document: unknown
  try {
    document = parseStrictJson(bytes, { maxBytes: largestFile })
  } catch (error) {
    throw isMilleError(error) ? invalid(error.message, error) : error
  }
  if (!isObject(document)) throw invalid('it is no JSON object')
  if (document['version'] !== version)
    throw invalid(`its version is ${JSON.stringify(document['version'])}, known is ${version}`)
  const read = (kind: LockKind): Record<string, string> => {
    const entries = document[kind] ?? {}
    if (!isObject(entries)) throw invalid(`"${kind}" is no object`)
    return Object.fromEntries(
      Object.entries(entries).map(([name, value]) => {
        if (typeof value === 'string' && values[kind].test(value)) return [name, value]
        throw invalid(`the value of ${JSON.stringify(name)} in "${kind}" is not what is kept there`)
      }),
    )
  }
  return { git: read('git'), images: read('images'), urls: read('urls') }
}

/** Sorted, one entry a line: the same content is the same text. */
export function formatLock(lock: LockFile): string {
  const sorted = (entries: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  const document = { version, ...Object.fromEntries(kinds.map((kind) => [kind, sorted(lock[kind])])) }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

export function compareLocks(before: LockFile, after: LockFile): LockChange[] {
  return kinds.flatMap((kind) => {
    const names = new Set([...Object.keys(before[kind]), ...Object.keys(after[kind])])
    return [...names].toSorted().flatMap((name): LockChange[] => {
      const old = before[kind][name]
      const now = after[kind][name]
      if (old === now) return []
      return [
        { kind, name, ...(old !== undefined && { before: old }), ...(now !== undefined && { after: now }) },
      ]
    })
  })
}

export const emptyLock: LockFile = { git: {}, images: {}, urls: {} }

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
