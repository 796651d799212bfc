import { failure, isMilleError } from '../../util/errors.ts'
import type { Login } from '../repository.ts'
import { Authorizer } from './authorizer.ts'
import type { Answer, Exchange, ExchangeOptions } from './exchange.ts'
import { drain } from './exchange.ts'
import { isLoopback } from './private-address.ts'
import { registryError } from './registry-error.ts'
import { HostGate, backOff, isPassingStatus, pause, retryAfter } from './retry.ts'
import type { RetryPolicy } from './retry.ts'

export interface Call extends Omit<ExchangeOptions, 'authorization'> {
  readonly repository: string
  /** Rights to ask a token service for: ours, whatever the challenge says (C-W4). */
  readonly scopes: readonly string[]
  /** Statuses that are answers and not errors, besides 2xx. */
  readonly accept?: readonly number[]
}

export interface HostSettings {
  readonly registry: string
  /** Where it is given it is spoken, and nothing else is tried. */
  readonly scheme?: 'http:' | 'https:'
  readonly exchange: Exchange
  readonly retry: RetryPolicy
  readonly isInsecure: (host: string) => boolean
  readonly login: () => Promise<Login | undefined>
  readonly onWarning: ((text: string) => void) | undefined
}

/** Milliseconds for which a host that could not be reached is taken for down. */
const downTime = 60_000

/** One registry host: finds its scheme, answers its challenges, retries what passes, keeps the pauses it asks for. */
export class RegistryHost {
  /** What is dialled: `registry-1.docker.io` for `docker.io`. */
  readonly name: string
  readonly #settings: HostSettings
  readonly #gate = new HostGate()
  readonly #warned = new Set<string>()
  #origin: Promise<URL> | undefined
  #downUntil = 0
  #authorizer: Authorizer | undefined

  constructor(settings: HostSettings) {
    this.#settings = settings
    this.name = settings.registry === 'docker.io' ? 'registry-1.docker.io' : settings.registry.toLowerCase()
  }

  /** `https://host/` — or http, where that is allowed and spoken. */
  async origin(signal?: AbortSignal): Promise<URL> {
    this.#origin ??= this.#findOrigin(signal)
    try {
      return await this.#origin
    } catch (error) {
      this.#origin = undefined
      throw error
    }
  }

  /** Was it out of reach a moment ago? */
  get isDown(): boolean {
    return performance.now() < this.#downUntil
  }

  /** Has this registry asked who we are? */
  get isChallenging(): boolean {
    return this.#authorizer?.isChallenged ?? false
  }

  /** An answer that is 2xx or in `accept`; everything else is thrown. `path` begins with `/v2/`. */
  async call(path: string | URL, call: Call): Promise<Answer> {
    const { retry } = this.#settings
    const { accept = [], signal, body } = call
    const url = typeof path === 'string' ? new URL(path, await this.origin(signal)) : path
    // a stream can be sent only once: who sends one retries from what the registry has
    const once = typeof body === 'object' && !Buffer.isBuffer(body)
    for (let attempt = 1; ; attempt++) {
      await this.#gate.pass(signal)
      const last = once || attempt >= retry.attempts
      let answer: Answer
      try {
        answer = await this.#authorized(url, call)
      } catch (error) {
        signal?.throwIfAborted()
        const isUnreachable = isMilleError(error, 'REGISTRY_UNREACHABLE')
        if (last && isUnreachable) this.#downUntil = performance.now() + downTime
        if (last || !isUnreachable) throw error
        await pause(backOff(retry, attempt), signal)
        continue
      }
      this.#showWarnings(answer)
      if ((answer.status >= 200 && answer.status < 300) || accept.includes(answer.status)) return answer
      const asked = retryAfter(answer.header('retry-after'))
      const tooLong = asked !== undefined && asked > retry.maxDelay
      if (last || tooLong || !isPassingStatus(answer.status)) throw await this.error(answer, call.repository)
      await drain(answer.body)
      await this.#wait(answer.status, asked ?? backOff(retry, attempt), signal)
    }
  }

  async error(answer: Answer, repository: string): Promise<Error> {
    const loggedIn = (await this.#settings.login()) !== undefined
    return registryError(answer, { host: this.name, registry: this.#settings.registry, repository, loggedIn })
  }

  async #wait(status: number, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    if (status !== 429) return pause(milliseconds, signal)
    if (milliseconds >= 1000) {
      this.#settings.onWarning?.(`rate limited by ${this.name}, waiting ${Math.ceil(milliseconds / 1000)} s`)
    }
    this.#gate.close(milliseconds)
  }

  async #authorized(url: URL, call: Call): Promise<Answer> {
    const origin = await this.origin(call.signal)
    // an upload Location on another host gets the bytes, but not our credentials (C-W1)
    if (url.origin !== origin.origin) return this.#settings.exchange.send(url, call)
    this.#authorizer ??= new Authorizer(origin, this.#settings.exchange, this.#settings.login)
    const authorizer = this.#authorizer
    const authorization = await authorizer.header(call.scopes, call.signal)
    const answer = await this.#settings.exchange.send(url, { ...call, authorization })
    const sentStream = typeof call.body === 'object' && !Buffer.isBuffer(call.body)
    // who sends a stream is told of the 401 all the same: the next request brings a new token
    if (answer.status !== 401 || !(await authorizer.challenged(answer, call.scopes)) || sentStream)
      return answer
    await drain(answer.body)
    const renewed = await authorizer.header(call.scopes, call.signal)
    // one answer to a challenge; a second 401 is final
    return this.#settings.exchange.send(url, { ...call, authorization: renewed })
  }

  #showWarnings(answer: Answer): void {
    for (const header of answer.headers('warning')) {
      const text = /^299 \S+ "((?:[^"\\]|\\.){0,1024})"/.exec(header)?.[1]
      if (text === undefined || this.#warned.has(text) || this.#warned.size >= 20) continue
      this.#warned.add(text)
      this.#settings.onWarning?.(`${this.name}: ${text}`)
    }
  }

  async #findOrigin(signal: AbortSignal | undefined): Promise<URL> {
    if (!URL.canParse(`https://${this.name}/`)) {
      throw failure('REGISTRY_UNREACHABLE', { host: this.name, reason: 'not a host name' })
    }
    const secure = new URL(`https://${this.name}/`)
    const local = isLoopback(secure.hostname)
    const { scheme } = this.#settings
    if (scheme === 'https:' || (scheme === undefined && !local && !this.#settings.isInsecure(this.name)))
      return secure
    const plain = new URL(`http://${this.name}/`)
    if (scheme === 'http:') return plain
    const [first, second] = local ? [plain, secure] : [secure, plain]
    try {
      if (await this.#speaks(first, signal)) return first
    } catch (error) {
      signal?.throwIfAborted()
      if (await this.#speaks(second, signal).catch(isNoAnswer)) return second
      // the retries of the call itself tell what is wrong, in the end
      if (isMilleError(error, 'REGISTRY_UNREACHABLE')) return first
      throw error
    }
    return (await this.#speaks(second, signal).catch(isNoAnswer)) ? second : first
  }

  /** A TLS server answers plain HTTP with 400, or not at all. */
  async #speaks(origin: URL, signal: AbortSignal | undefined): Promise<boolean> {
    const answer = await this.#settings.exchange.send(new URL('/v2/', origin), { signal })
    await drain(answer.body)
    return answer.status !== 400
  }
}

/** Certificates that cannot be used are the user's to mend, and no reason to try something else. */
function isNoAnswer(error: unknown): false {
  if (isMilleError(error, 'CERTIFICATE_INVALID')) throw error
  return false
}
