import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { failure } from '../../util/errors.ts'
import { fileFailure } from './open-file.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** `-e` flags as `K=V`: a bare `K` takes its value from `env` and is dropped when it has none. */
export function resolveVariables(flags: readonly string[], env: Environment): string[] {
  return flags.flatMap((flag) => {
    if (flag.includes('=')) return [flag]
    const value = env[flag]
    return value === undefined ? [] : [`${flag}=${value}`]
  })
}

/**
 * Lines of an `--env-file` (or `--label-file`): `K=V` or `K`, `#` comments, empty lines. CLI_FAILED with file and line;
 * CLI_OPEN_FILE.
 */
export async function readVariables(
  path: string,
  what: 'env' | 'label',
  env: Environment,
): Promise<string[]> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw fileFailure(path, cause)
  })
  // one string a byte first: a line that is not UTF-8 must be told by its number
  const lines = bytes
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .split(/\r?\n/)
  return lines.flatMap((raw, index) => {
    const wrong = (reason: string): Error =>
      failure('CLI_FAILED', { reason: `invalid ${what} file (${path}): line ${index + 1}: ${reason}` })
    const encoded = Buffer.from(raw, 'latin1')
    if (!isUtf8(encoded)) throw wrong('not valid UTF-8')
    if (encoded.includes(0)) throw wrong('a NUL byte')
    const line = encoded.toString('utf8').trimStart()
    if (line === '' || line.startsWith('#')) return []
    const equals = line.indexOf('=')
    const name = equals < 0 ? line : line.slice(0, equals)
    if (name === '') throw wrong(`no variable name on line '${line}'`)
    if (/\s/.test(name)) throw wrong(`variable '${name}' contains whitespaces`)
    return equals < 0 && what === 'env' ? resolveVariables([name], env) : [line]
  })
}

/** `K=V` lines as a record; a bare `K` has the empty value. */
export function toRecord(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const equals = line.indexOf('=')
      return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)]
    }),
  )
}
