import { isIP } from 'node:net'
import type { GitReference } from '../../dockerfile/git-reference.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { AddressGuard } from './address-guard.ts'
import { hasProxy } from './proxy.ts'
import type { GitRemote } from './run-git.ts'

const maxRedirects = 5

/** A remote whose address was judged (C-B6), ready for git. */
export class CheckedRemote implements GitRemote {
  readonly shown: string
  readonly sshAgent: string | undefined
  readonly offline: boolean
  readonly #guard: AddressGuard
  readonly #authorization: string | undefined
  readonly #isHttp: boolean
  #url: string
  #addresses: readonly string[]

  private constructor(
    { remote, protocol }: GitReference,
    guard: AddressGuard,
    addresses: readonly string[],
    { authorization, sshAgent, offline }: RemoteOptions,
  ) {
    this.offline = offline
    this.shown = remote
    this.sshAgent = sshAgent
    this.#guard = guard
    this.#addresses = addresses
    this.#isHttp = protocol === 'http' || protocol === 'https'
    this.#url = remote
    this.#authorization = authorization
    if (!this.#isHttp) return
    const url = new URL(remote)
    this.#authorization ??= basicOf(url)
    url.username = ''
    url.password = ''
    this.#url = url.href
  }

  /** Looks the name up once. Errors: GIT_FAILED when nothing there may be asked. */
  static async open(reference: GitReference, options: RemoteOptions): Promise<CheckedRemote> {
    const { remote, protocol, host } = reference
    const fail = (reason: string, cause?: unknown): Error =>
      failure('GIT_FAILED', { url: hidePasswords(remote), reason }, { cause })
    const guard = new AddressGuard(fail)
    // not even its name is looked up
    if (options.offline) return new CheckedRemote(reference, guard, [], options)
    try {
      return new CheckedRemote(reference, guard, await guard.resolve(host), options)
    } catch (error) {
      if (isMilleError(error)) throw error
      // an alias of the user's ssh configuration is no name of a host; a proxy looks names up itself
      if (protocol === 'ssh' || hasProxy()) return new CheckedRemote(reference, guard, [], options)
      throw fail(`cannot find ${host} (${(error as NodeJS.ErrnoException).code ?? ''})`, error)
    }
  }

  /** Without credentials: a list of processes shows it. */
  get url(): string {
    return this.#url
  }

  get settings(): Readonly<Record<string, string>> {
    if (!this.#isHttp) return {}
    const { hostname, origin, port, protocol } = new URL(this.#url)
    const addresses = this.#addresses
      .map((address) => (isIP(address) === 6 ? `[${address}]` : address))
      .join(',')
    const place = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
    // a name that answers otherwise the next time leads git nowhere else
    const bound =
      addresses === '' || hostname.startsWith('[') ? {} : { 'http.curloptResolve': `${place}:${addresses}` }
    const header = this.#authorization
    const isOwn = new URL(this.shown).origin === origin
    return {
      ...bound,
      ...(header === undefined || !isOwn
        ? {}
        : { [`http.${origin}/.extraHeader`]: `Authorization: ${header}` }),
    }
  }

  /** After a failure: does the server send clients elsewhere? Then the remote points there. */
  async follow(signal: AbortSignal | undefined): Promise<boolean> {
    if (this.offline || !this.#isHttp || this.#url !== withoutUser(this.shown)) return false
    const service = '/info/refs?service=git-upload-pack'
    const { Agent, request } = await import('undici')
    const dispatcher = new Agent({
      connect: { lookup: this.#guard.lookup, timeout: 30_000 },
      headersTimeout: 30_000,
    })
    try {
      let url = this.#url + service
      for (let hop = 0; hop < maxRedirects; hop++) {
        this.#guard.check(new URL(url).hostname, hop > 0)
        const { statusCode, headers, body } = await request(url, { dispatcher, signal: signal ?? null })
        body.on('error', () => undefined).destroy()
        const { location } = headers
        if (statusCode < 300 || statusCode > 399 || typeof location !== 'string') break
        url = new URL(location, url).href
      }
      const target = url.endsWith(service) ? url.slice(0, -service.length) : undefined
      if (target === undefined || target === this.#url || !/^https?:/.test(target)) return false
      this.#addresses = await this.#guard.resolve(new URL(target).hostname.replace(/^\[(.*)\]$/, '$1'), true)
      this.#url = target
      return true
    } catch (error) {
      if (isMilleError(error)) throw error
      return false
    } finally {
      await dispatcher.destroy()
    }
  }
}

export interface RemoteOptions {
  /** Value of the Authorization header, in place of credentials in the URL. */
  readonly authorization?: string | undefined
  /** Socket of the agent that ssh is to use. */
  readonly sshAgent?: string | undefined
  /** It must not be asked anything. */
  readonly offline: boolean
}

function withoutUser(text: string): string {
  const url = new URL(text)
  url.username = ''
  url.password = ''
  return url.href
}

function basicOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}
