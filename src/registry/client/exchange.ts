import type { Readable } from 'node:stream'
import { request } from 'undici'
import type { Dispatcher } from 'undici'
import { failure, isMilleError } from '../../util/errors.ts'
import { networkReason } from '../../util/network-reason.ts'
import { version } from '../../util/version.ts'
import { type AgentSettings, Agents } from './agents.ts'
import { maxRedirects, redirectTarget } from './redirect.ts'

export interface ExchangeOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  /** Sent to the origin of the first URL only, never behind a redirect (C-W1). */
  readonly authorization?: string | undefined
  readonly body?: Readable | Buffer | string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Answer {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly headers: (name: string) => readonly string[]
  readonly body: Readable
  /** The URL that answered, after redirects. */
  readonly url: URL
}

export interface ExchangeSettings extends AgentSettings {
  readonly stallTimeout: number
}

/** HTTP with limits: one request, redirects followed, no retry. Connections are kept and shared. */
export class Exchange implements AsyncDisposable {
  readonly #settings: ExchangeSettings
  readonly #agents: Agents

  constructor(settings: ExchangeSettings) {
    this.#settings = settings
    this.#agents = new Agents(settings)
  }

  /** REGISTRY_UNREACHABLE for anything that is no HTTP answer; the signal's reason when it fired. */
  async send(url: URL, options: ExchangeOptions = {}): Promise<Answer> {
    const { method = 'GET', body, signal } = options
    let target = url
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const answer = await this.#once(target, method, {
        ...options,
        authorization: target.origin === url.origin && hop === 0 ? options.authorization : undefined,
      })
      const location = answer.header('location')
      if (answer.status < 300 || answer.status > 399 || location === undefined) return answer
      await drain(answer.body)
      const next = redirectTarget(target, location)
      // a stream cannot be sent twice; a body may hold a refresh token, which no other origin may see (C-W1)
      if (body !== undefined && (isStream(body) || next.origin !== url.origin)) {
        const reason = 'what is sent is not redirected'
        throw failure('REGISTRY_REDIRECT_REFUSED', { host: url.host, target: next.host, reason })
      }
      target = next
      signal?.throwIfAborted()
    }
    throw failure('REGISTRY_REDIRECT_REFUSED', {
      host: url.host,
      target: target.host,
      reason: `more than ${maxRedirects} redirects`,
    })
  }

  async #once(url: URL, method: Dispatcher.HttpMethod, options: ExchangeOptions): Promise<Answer> {
    const { stallTimeout } = this.#settings
    try {
      const { statusCode, headers, body } = await request(url, {
        method,
        dispatcher: this.#agents.get(url),
        headers: {
          'user-agent': `mille/${version}`,
          // the digest names the bytes as they are, and a compressed answer could be a bomb (C-W6)
          'accept-encoding': 'identity',
          ...options.headers,
          ...(options.authorization !== undefined && { authorization: options.authorization }),
        },
        headersTimeout: stallTimeout,
        bodyTimeout: stallTimeout,
        ...(options.body !== undefined && { body: options.body }),
        ...(options.signal && { signal: options.signal }),
      })
      // an error after the last reader has gone must not end the process
      body.on('error', () => {})
      const all = (name: string): readonly string[] => [headers[name] ?? []].flat()
      return { status: statusCode, headers: all, header: (name) => all(name)[0], body, url }
    } catch (error) {
      options.signal?.throwIfAborted()
      if (isMilleError(error)) throw error
      throw unreachable(url.host, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agents[Symbol.asyncDispose]()
  }
}

function isStream(body: Readable | Buffer | string): body is Readable {
  return typeof body === 'object' && !Buffer.isBuffer(body)
}

/** The network's reason in one line; a certificate's own words, with a hint when the clock may be to blame. */
export function unreachable(host: string, error: unknown): Error {
  const { code = '' } = (error ?? {}) as { code?: string }
  const hint =
    code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID' ? " (is this machine's clock right?)" : ''
  return failure('REGISTRY_UNREACHABLE', { host, reason: networkReason(error) + hint }, { cause: error })
}

/** Reads a small body: at most `limit` bytes; undefined when there are more. */
export async function readAtMost(body: Readable, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    // leaving the loop destroys the body: an endless one ends here (C-W6)
    if (size > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Lets the connection be used again; a long body is cut instead. */
export async function drain(body: Readable): Promise<void> {
  try {
    await readAtMost(body, 65_536)
  } catch {
    // the answer was already had; its connection is gone
  }
}
