import { setTimeout as delay } from 'node:timers/promises'
import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { failure } from '../../util/errors.ts'
import { networkReason } from '../../util/network-reason.ts'
import { proxySettings } from '../../util/proxy-settings.ts'

type Body = Buffer | AsyncIterable<Uint8Array>

export interface ObjectRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  readonly url: string
  /** Made anew for each try: signatures name the time. */
  readonly headers?: () => Readonly<Record<string, string>>
  /** A stream is sent once only. */
  readonly body?: Body
  readonly signal?: AbortSignal | undefined
}

export type ObjectAnswer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>

const attempts = 4
const firstPause = 250
const longestPause = 20_000
/** What is kept of an answer that says what went wrong. */
const mostWords = 64 * 1024

/** HTTP for object stores: what may pass is tried again. `place` is how errors name the store. */
export class ObjectRequests {
  readonly #place: string
  readonly #dispatcher = new EnvHttpProxyAgent({
    ...proxySettings(),
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  })

  constructor(place: string) {
    this.#place = place
  }

  /** The answer, whatever its status, once it is none that asking again may change. Errors: CACHE_PLACE_FAILED, CANCELED. */
  async send({ method, url, headers, body, signal }: ObjectRequest): Promise<ObjectAnswer> {
    const isOnce = body !== undefined && !Buffer.isBuffer(body)
    for (let attempt = 1, pause = firstPause; ; attempt++, pause *= 2) {
      const isLast = isOnce || attempt >= attempts
      try {
        const answer = await request(url, {
          method,
          headers: { ...headers?.() },
          ...(body !== undefined && { body: body as Buffer }),
          dispatcher: this.#dispatcher,
          signal: signal ?? null,
        })
        if (isLast || (answer.statusCode < 500 && answer.statusCode !== 429)) return answer
        await answer.body.dump()
        const asked = Number(answer.headers['retry-after']) * 1000
        await this.#wait(Math.max(pause, asked || 0), signal)
      } catch (error) {
        if (signal?.aborted === true) throw failure('CANCELED', {}, { cause: error })
        if (isLast) throw this.fail(networkReason(error), error)
        await this.#wait(pause, signal)
      }
    }
  }

  /** What a server says of a refusal, at most a few lines of it. */
  async words({ body }: ObjectAnswer): Promise<string> {
    let said = ''
    try {
      for await (const chunk of body) {
        said += String(chunk)
        // whoever refuses may send without an end
        if (said.length >= mostWords) break
      }
    } catch {
      // what came until then
    }
    return said.slice(0, mostWords)
  }

  fail(reason: string, cause?: unknown): Error {
    return failure('CACHE_PLACE_FAILED', { place: this.#place, reason }, { cause })
  }

  denied(reason: string): Error {
    return failure('CACHE_PLACE_DENIED', { place: this.#place, reason })
  }

  async #wait(pause: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await delay(Math.min(pause, longestPause), undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      throw failure('CANCELED', {}, { cause: error })
    }
  }
}
