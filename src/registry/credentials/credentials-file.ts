import { randomBytes } from 'node:crypto'
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { reasonOf } from '../../linux/system-failure.ts'
import { makeFolders } from '../../util/make-folders.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { parseStrictJson } from '../../util/strict-json.ts'
import type { Login } from '../repository.ts'

const maxBytes = 4 * 1024 * 1024

/** One entry of `auths`. Source: Docker's config.json. */
export interface AuthEntry {
  /** Base64 of `user:password`. */
  readonly auth?: string
  readonly identitytoken?: string
  readonly username?: string
  readonly password?: string
}

/** The parts of Docker's config.json that concern logins; the rest is kept as it is. */
export interface CredentialsConfig {
  readonly auths?: Readonly<Record<string, AuthEntry>>
  readonly credsStore?: string
  readonly credHelpers?: Readonly<Record<string, string>>
}

/** `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`. */
export function credentialsPath(environment: NodeJS.ProcessEnv = process.env): string {
  return join(
    environment['DOCKER_CONFIG'] || join(environment['HOME'] || homedir(), '.docker'),
    'config.json',
  )
}

/** An absent file is an empty one. CREDENTIALS_FILE_INVALID for anything that cannot be relied on. */
export async function readCredentials(path: string): Promise<CredentialsConfig> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (cause) {
    const { code, errno } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return {}
    const reason = errno === undefined ? String(cause) : reasonOf(-errno)
    throw failure('CREDENTIALS_FILE_INVALID', { path, reason }, { cause })
  }
  if (bytes.toString().trim() === '') return {}
  return checked(path, parse(path, bytes))
}

/** Replaces the file at once (nobody reads half of it), readable by its owner only; a symlink stays one. */
export async function writeCredentials(path: string, config: CredentialsConfig): Promise<void> {
  makeFolders(dirname(path), 0o700)
  const target = await realpath(path).catch(() => path)
  const temporary = `${target}.${randomBytes(8).toString('hex')}`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(config, null, '\t')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Can others on this machine read the file's secrets? (C-W9) */
export async function isReadableByOthers(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && (found.mode & 0o077) !== 0
}

/** The login in an entry; undefined for one without any. */
export function loginOf(entry: AuthEntry): Login | undefined {
  if (entry.identitytoken) return { identityToken: entry.identitytoken }
  const pair = entry.auth ? Buffer.from(entry.auth, 'base64').toString() : undefined
  // the first colon parts them: a password may have colons
  const colon = pair?.indexOf(':') ?? -1
  const username = pair !== undefined && colon > 0 ? pair.slice(0, colon) : entry.username
  const password =
    pair !== undefined && colon > 0 ? pair.slice(colon + 1).replace(/\0+$/, '') : entry.password
  if (!username || password === undefined) return undefined
  return username === '<token>' ? { identityToken: password } : { username, password }
}

export function entryOf(login: Login): AuthEntry {
  if ('identityToken' in login) return { auth: base64('<token>:'), identitytoken: login.identityToken }
  return { auth: base64(`${login.username}:${login.password}`) }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function parse(path: string, bytes: Buffer): unknown {
  try {
    return parseStrictJson(bytes, { maxBytes })
  } catch (cause) {
    if (!isMilleError(cause)) throw cause
    // no cause: a syntax error quotes the document, and this one holds passwords
    throw failure('CREDENTIALS_FILE_INVALID', { path, reason: cause.message })
  }
}

function checked(path: string, value: unknown): CredentialsConfig {
  const wrong = (what: string): Error =>
    failure('CREDENTIALS_FILE_INVALID', { path, reason: `${what} is malformed` })
  if (!isObject(value)) throw wrong('the document')
  const { auths, credsStore, credHelpers } = value
  if (auths !== undefined) {
    if (!isObject(auths)) throw wrong('auths')
    for (const entry of Object.values(auths)) {
      if (!isObject(entry)) throw wrong('an entry of auths')
      for (const key of ['auth', 'identitytoken', 'username', 'password']) {
        if (entry[key] !== undefined && typeof entry[key] !== 'string')
          throw wrong(`${key} of an entry of auths`)
      }
    }
  }
  if (credsStore !== undefined && typeof credsStore !== 'string') throw wrong('credsStore')
  if (credHelpers !== undefined) {
    if (!isObject(credHelpers)) throw wrong('credHelpers')
    if (!Object.values(credHelpers).every((name) => typeof name === 'string')) throw wrong('credHelpers')
  }
  return value as CredentialsConfig
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
