import { readFileSync } from 'node:fs'
import { failure, messageOf } from '../../util/errors.ts'
import { parseStrictJson } from '../../util/strict-json.ts'
import { suggest } from '../../util/suggest.ts'

/** Keys of the file of `mille serve`, which are dockerd's, and what they hold. */
const kinds = {
  'data-root': 'text',
  debug: 'flag',
  group: 'text',
  hosts: 'list',
  'insecure-registries': 'list',
  'log-level': 'text',
  'registry-mirrors': 'list',
  tls: 'flag',
  tlscacert: 'text',
  tlscert: 'text',
  tlskey: 'text',
  tlsverify: 'flag',
} as const

type Kinds = typeof kinds

interface Values {
  readonly text: string
  readonly flag: boolean
  readonly list: readonly string[]
}

export type ServeFile = { readonly [Key in keyof Kinds]?: Values[Kinds[Key]] }

export const serveKeys: readonly (keyof Kinds)[] = Object.keys(kinds) as (keyof Kinds)[]

const maxBytes = 1024 * 1024

/**
 * The settings in `path`; undefined when there is no such file and it need not be. What mille does not know is refused: a
 * daemon.json that is taken over must not lose half of what it says. SERVE_FILE_INVALID.
 */
export function readServeFile(path: string, needed: boolean): ServeFile | undefined {
  const wrong = (reason: string, cause?: unknown): Error =>
    failure('SERVE_FILE_INVALID', { path, reason }, { cause })
  let document: unknown
  try {
    document = parseStrictJson(readFileSync(path), { maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !needed) return undefined
    throw wrong(messageOf(error), error)
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw wrong('no object')
  for (const [key, value] of Object.entries(document)) {
    const kind = serveKeys.find((one) => one === key)
    if (kind === undefined) throw wrong(unknownKey(key))
    if (!holds(kinds[kind], value)) throw wrong(`${key} must be ${words[kinds[kind]]}`)
  }
  return document as ServeFile
}

const words: Readonly<Record<keyof Values, string>> = {
  text: 'a text',
  flag: 'true or false',
  list: 'a list of texts',
}

function holds(kind: keyof Values, value: unknown): boolean {
  if (kind === 'list') return Array.isArray(value) && value.every((one) => typeof one === 'string')
  return typeof value === (kind === 'text' ? 'string' : 'boolean')
}

/** In Docker's words. */
function unknownKey(key: string): string {
  const near = suggest(key, serveKeys)
  const hint = near === undefined ? `: there are ${serveKeys.join(', ')}` : `: did you mean ${near}?`
  return `the following directives don't match any configuration option: ${key.slice(0, 100)}${hint}`
}
