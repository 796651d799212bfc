import { failure, isMilleError } from '../../util/errors.ts'
import { tryProgram } from '../../util/run-program.ts'
import type { Login } from '../repository.ts'

/** A helper becomes part of a program name: no slash, no dot, no dash in front (C-W9). */
const helperName = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/
/** Milliseconds. */
const timeLimit = 30_000
const outputLimit = 1024 * 1024

/** What Docker's helpers print for "there is none". Source: docker-credential-helpers, README. */
const notFound = 'credentials not found in native keychain'

/** A `docker-credential-<name>` program. Throws CREDENTIAL_HELPER_FAILED; its words never contain the secret. */
export class CredentialHelper {
  readonly #name: string
  readonly #timeLimit: number

  constructor(name: string, options: { readonly timeLimit?: number } = {}) {
    if (!helperName.test(name)) {
      throw failure('CREDENTIAL_HELPER_FAILED', {
        helper: name.slice(0, 100),
        reason: 'not a name of a helper',
      })
    }
    this.#name = name
    this.#timeLimit = options.timeLimit ?? timeLimit
  }

  async get(key: string): Promise<Login | undefined> {
    const { exitCode, text } = await this.#run('get', key)
    if (exitCode !== 0) {
      if (text.trim() === notFound) return undefined
      throw this.#failed(`get ended with exit code ${exitCode}`)
    }
    let fields: { Username?: unknown; Secret?: unknown } | null
    try {
      fields = JSON.parse(text) as typeof fields
    } catch {
      // the parser's message would quote the secret
      throw this.#failed('its answer is not JSON')
    }
    const { Username: username, Secret: password } = fields ?? {}
    if (typeof username !== 'string' || typeof password !== 'string')
      throw this.#failed('its answer holds no login')
    return username === '<token>' ? { identityToken: password } : { username, password }
  }

  async store(key: string, login: Login): Promise<void> {
    const [username, secret] =
      'identityToken' in login ? ['<token>', login.identityToken] : [login.username, login.password]
    const { exitCode } = await this.#run(
      'store',
      JSON.stringify({ ServerURL: key, Username: username, Secret: secret }),
    )
    if (exitCode !== 0) throw this.#failed(`store ended with exit code ${exitCode}`)
  }

  async erase(key: string): Promise<void> {
    const { exitCode, text } = await this.#run('erase', key)
    if (exitCode !== 0 && text.trim() !== notFound)
      throw this.#failed(`erase ended with exit code ${exitCode}`)
  }

  async #run(action: string, input: string): Promise<{ exitCode: number; text: string }> {
    const signal = AbortSignal.timeout(this.#timeLimit)
    try {
      // one byte more than the limit tells a long answer from a full one
      const limit = outputLimit + 1
      const program = `docker-credential-${this.#name}`
      const { exitCode, stdout } = await tryProgram(program, [action], { input, signal, limit })
      if (stdout.length > outputLimit) throw this.#failed(`it printed more than ${outputLimit} bytes`)
      return { exitCode, text: stdout.toString() }
    } catch (error) {
      if (signal.aborted) throw this.#failed(`no answer within ${this.#timeLimit / 1000} s`)
      if (isMilleError(error, 'PROGRAM_FAILED'))
        throw this.#failed('it cannot be started; is it installed?', error)
      throw error
    }
  }

  #failed(reason: string, cause?: unknown): Error {
    return failure(
      'CREDENTIAL_HELPER_FAILED',
      { helper: `docker-credential-${this.#name}`, reason },
      { cause },
    )
  }
}
