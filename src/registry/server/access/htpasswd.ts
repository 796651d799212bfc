import { createHmac, randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { failure } from '../../../util/errors.ts'

/** Passwords being checked at once. bcrypt is slow by design: a flood of wrong ones must not take the processor. */
const maxChecks = 16
/** Accepted logins remembered, so that not every request pays for bcrypt. */
const maxRemembered = 1000
/** A hash of nothing anyone knows: an unknown user takes as long as a wrong password. */
const nobody = '$2b$10$CwTycUXWue0Thq9StjUM0uJ8.pQ1hTqV8xkq8E0c7rQ9t3eJ0Yy2K'

interface Loaded {
  readonly users: ReadonlyMap<string, string>
  readonly stamp: string
}

/** The users of an Apache htpasswd file with bcrypt hashes; read again when the file changes. */
export class Htpasswd {
  readonly #path: string
  #loaded: Loaded | undefined
  /** Keyed hashes of accepted user and password; the key never leaves this process. */
  readonly #accepted = new Set<string>()
  readonly #key = randomBytes(32)
  #checks = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Throws HTPASSWD_INVALID, or the file's error. */
  async load(): Promise<ReadonlyMap<string, string>> {
    const { mtimeMs, size, ino } = await stat(this.#path)
    const stamp = `${mtimeMs} ${size} ${ino}`
    if (this.#loaded?.stamp !== stamp) {
      this.#loaded = { users: parseHtpasswd(await readFile(this.#path, 'utf8'), this.#path), stamp }
      this.#accepted.clear()
    }
    return this.#loaded.users
  }

  /** The user of an Authorization header, undefined when it proves none. Throws REGISTRY_TOO_MANY_LOGINS. */
  async authenticate(header: string | undefined): Promise<string | undefined> {
    const login = parseBasic(header)
    return login === undefined ? undefined : this.check(login.user, login.password)
  }

  /** The user, undefined when there is none of this name and password. Throws REGISTRY_TOO_MANY_LOGINS. */
  async check(user: string, password: string): Promise<string | undefined> {
    const users = await this.load()
    const mark = createHmac('sha256', this.#key).update(`${user}\0${password}`).digest('base64')
    if (this.#accepted.has(mark)) return user
    if (this.#checks >= maxChecks) throw failure('REGISTRY_TOO_MANY_LOGINS', {})
    this.#checks++
    try {
      const { compare } = await import('bcryptjs')
      const known = users.get(user)
      const right = await compare(password, known ?? nobody)
      if (known === undefined || !right) return undefined
    } finally {
      this.#checks--
    }
    if (this.#accepted.size >= maxRemembered) this.#accepted.clear()
    this.#accepted.add(mark)
    return user
  }
}

/** No login at all: no header, or the empty user and password that skopeo sends when it has none. */
export function isAnonymous(header: string | undefined): boolean {
  return header === undefined || /^basic +Og==$/i.test(header)
}

/** Source: RFC 7617. */
function parseBasic(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(header ?? '')?.[1]
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function parseHtpasswd(text: string, path: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>()
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.trim()
    if (entry === '' || entry.startsWith('#')) continue
    const match = /^([^:]+):(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/.exec(entry)
    if (match === null) throw failure('HTPASSWD_INVALID', { path, line: index + 1 })
    users.set(match[1] ?? '', match[2] ?? '')
  }
  return users
}
