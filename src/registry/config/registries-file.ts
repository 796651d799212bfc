import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { isRegistryHost } from '../../oci/reference.ts'
import { failure, isMilleError, messageOf } from '../../util/errors.ts'
import { parseStrictJson } from '../../util/strict-json.ts'
import { suggest } from '../../util/suggest.ts'
import {
  type HostRule,
  isPrefix,
  type Mirror,
  type MirrorUse,
  parseMirrorUrl,
  type RegistryRules,
} from './registry-rules.ts'

const maxBytes = 1024 * 1024

/**
 * The rules in the first of these files that is there; undefined when none is. What the file says and mille does not
 * understand is REGISTRIES_FILE_INVALID: a rule that silently does nothing could send an image where it must not go.
 */
export async function readRegistriesFile(paths: readonly string[]): Promise<RegistryRules | undefined> {
  for (const path of paths) {
    const bytes = await readFile(path).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw failure('REGISTRIES_FILE_INVALID', { path, reason: messageOf(error) }, { cause: error })
    })
    if (bytes !== undefined) return parseRegistriesFile(bytes, path)
  }
  return undefined
}

type Fields = Readonly<Record<string, unknown>>

/** Throws REGISTRIES_FILE_INVALID. */
export function parseRegistriesFile(bytes: Uint8Array, path: string): RegistryRules {
  const wrong = (reason: string): Error => failure('REGISTRIES_FILE_INVALID', { path, reason })
  const document = parse(bytes, wrong)
  const fields = (value: unknown, what: string, known?: readonly string[]): Fields => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw wrong(`${what} is no object`)
    for (const key of Object.keys(value)) {
      if (known === undefined || known.includes(key)) continue
      const near = suggest(key, known)
      throw wrong(
        `unknown key "${key.slice(0, 100)}" in ${what}${near === undefined ? '' : `: did you mean "${near}"?`}`,
      )
    }
    return value as Fields
  }
  const top = fields(document, 'the file', ['mirrors', 'blocked', 'hosts'])

  const mirrors = new Map<string, readonly Mirror[]>()
  for (const [prefix, list] of Object.entries(fields(top['mirrors'] ?? {}, 'mirrors'))) {
    mirrors.set(checkPrefix(prefix), asList(list, `mirrors of ${prefix}`).map(readMirror))
  }
  const blocked = asList(top['blocked'] ?? [], 'blocked').map((prefix) => checkPrefix(String(prefix)))
  const hosts = new Map<string, HostRule>()
  for (const [host, rule] of Object.entries(fields(top['hosts'] ?? {}, 'hosts'))) {
    if (!isRegistryHost(host)) throw wrong(`"${host.slice(0, 300)}" in hosts is no host[:port]`)
    hosts.set(host.toLowerCase(), readHost(rule, host))
  }
  return { mirrors, blocked, hosts }

  function checkPrefix(prefix: string): string {
    if (isPrefix(prefix)) return prefix
    throw wrong(`"${prefix.slice(0, 300)}" is no prefix: need host[:port][/path], *.domain or *`)
  }

  function asList(value: unknown, what: string): readonly unknown[] {
    if (!Array.isArray(value)) throw wrong(`${what} is no list`)
    return value
  }

  function readMirror(value: unknown): Mirror {
    const { url: text, pull = 'all' } =
      typeof value === 'string' ? { url: value } : fields(value, 'a mirror', ['url', 'pull'])
    const url = typeof text === 'string' ? parseMirrorUrl(text) : undefined
    if (url === undefined) {
      throw wrong(`mirror ${JSON.stringify(text ?? null).slice(0, 300)}: need [http(s)://]host[:port][/path]`)
    }
    if (pull !== 'all' && pull !== 'digest' && pull !== 'tag') {
      throw wrong(`pull of mirror ${url.host}: need "all", "digest" or "tag"`)
    }
    return { url, pull: pull satisfies MirrorUse }
  }

  function readHost(value: unknown, host: string): HostRule {
    const { insecure, ...files } = fields(value, `host ${host}`, ['insecure', 'ca', 'cert', 'key'])
    if (insecure !== undefined && typeof insecure !== 'boolean')
      throw wrong(`insecure of ${host} is not true or false`)
    for (const [name, file] of Object.entries(files)) {
      if (typeof file !== 'string' || !isAbsolute(file)) throw wrong(`${name} of ${host} is no absolute path`)
    }
    if ('cert' in files !== 'key' in files) throw wrong(`cert and key of ${host} belong together`)
    return { ...(insecure !== undefined && { insecure }), ...files }
  }
}

function parse(bytes: Uint8Array, wrong: (reason: string) => Error): unknown {
  try {
    return parseStrictJson(bytes, { maxBytes })
  } catch (error) {
    throw isMilleError(error) ? wrong(error.message) : error
  }
}
