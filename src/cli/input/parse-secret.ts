import { readFile, stat } from 'node:fs/promises'
import type { SecretSource, SshSource } from '../../builder/build.ts'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import { fileFailure } from './open-file.ts'
import { splitCsv } from './split-csv.ts'

type Environment = Readonly<Record<string, string | undefined>>

const secretKeys = ['id', 'src', 'source', 'env', 'type']

/**
 * `--secret id=ID[,src=FILE|,env=NAME][,type=file|env]`, as buildx reads it: with neither, a variable of that name, else
 * a file of that name. The value itself is read when a step wants it. CLI_FAILED (D-C6).
 */
export async function parseSecret(flag: string, env: Environment): Promise<SecretSource> {
  const fields = new Map(splitCsv(flag).map((field) => secretField(flag, field)))
  const type = fields.get('type')
  if (type !== undefined && type !== 'file' && type !== 'env')
    throw bad(flag, `unsupported secret type "${type}": file or env`)
  const id = fields.get('id') ?? ''
  if (id === '') throw bad(flag, 'secret missing ID: id=NAME')
  const source = fields.get('src') ?? fields.get('source')
  const named = fields.get('env') ?? (type === 'env' ? (source ?? id) : undefined)
  if (named !== undefined) return variable(id, env[named])
  if (source === undefined && type === undefined && env[id] !== undefined) return variable(id, env[id])
  const path = source ?? id
  const info = await stat(path).catch((cause: unknown) => {
    throw fileFailure(path, cause)
  })
  if (!info.isFile()) throw bad(flag, `${path} is not a file`)
  return {
    id,
    read: async () =>
      await readFile(path).catch((cause: unknown) => {
        throw fileFailure(path, cause)
      }),
  }
}

/** One that is not set is empty, as in BuildKit. */
function variable(id: string, value: string = ''): SecretSource {
  return { id, read: () => Promise.resolve(Buffer.from(value)) }
}

function secretField(flag: string, field: string): [string, string] {
  const equals = field.indexOf('=')
  const key = field.slice(0, equals < 0 ? undefined : equals).toLowerCase()
  if (equals < 0) throw bad(flag, `invalid field '${field}' must be a key=value pair`)
  if (secretKeys.includes(key)) return [key, field.slice(equals + 1)]
  const near = suggest(key, secretKeys)
  const hint = near === undefined ? `: there are ${secretKeys.join(', ')}` : ` (did you mean ${near}?)`
  throw bad(flag, `unexpected key '${key}'${hint}`)
}

/** The flag may hold nothing but names and paths: it can be shown. */
function bad(flag: string, reason: string): Error {
  return failure('CLI_FAILED', { reason: `invalid --secret ${flag}: ${reason}` })
}

/** `--ssh ID[=SOCKET|KEY[,KEY…]]`; without a path the agent of SSH_AUTH_SOCK. CLI_FAILED. */
export async function parseSsh(flag: string, env: Environment): Promise<SshSource> {
  const equals = flag.indexOf('=')
  const id = flag.slice(0, equals < 0 ? undefined : equals)
  const wrong = (reason: string): Error =>
    failure('CLI_FAILED', { reason: `invalid --ssh ${flag}: ${reason}` })
  if (id === '') throw wrong('it needs an id: default=…')
  const given = equals < 0 ? [] : splitCsv(flag.slice(equals + 1)).filter((path) => path !== '')
  const paths = given.length > 0 ? given : [env['SSH_AUTH_SOCK'] ?? ''].filter((path) => path !== '')
  if (paths.length === 0) throw wrong('SSH_AUTH_SOCK is not set: start an agent, or name a key')
  const keys: { name: string; text: string }[] = []
  for (const path of paths) {
    const info = await stat(path).catch((cause: unknown) => {
      throw fileFailure(path, cause)
    })
    if (info.isSocket()) {
      if (paths.length > 1) throw wrong('an agent cannot be joined with other keys')
      return { id, agent: { kind: 'socket', path } }
    }
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw fileFailure(path, cause)
    })
    keys.push({ name: path, text })
  }
  return { id, agent: { kind: 'keys', keys } }
}
