import type { FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { failure, messageOf } from '../../util/errors.ts'
import { randomHex } from '../../util/random.ts'
import { challengeFor, isTokenPath } from './access/challenge.ts'
import type { Gate } from './access/gate.ts'
import { tokenEndpoint } from './access/token-endpoint.ts'
import type { TokenParts } from './access/token-endpoint.ts'
import type { Answer } from './answer.ts'
import type { RegistryEvent, RegistryObserver, ReportedEvent, SeenRequest } from './operations/observer.ts'
import { namespacePath, type Namespaces } from './namespace-path.ts'
import { matchRoute } from './route.ts'
import type { RepositoryNotes } from './search/repository-notes.ts'
import type { RegistryStorage } from './storage.ts'
import { errorAnswer } from './wire-errors.ts'

export interface ExchangeOptions {
  readonly storage: RegistryStorage
  readonly allowDelete: boolean
  readonly notes: RepositoryNotes
  readonly namespaces: Namespaces
  readonly gate: Gate
  /** With a token service. */
  readonly token: (TokenParts & { readonly publicUrl?: string | undefined }) | undefined
  /** One JSON object a line, one line a request. */
  readonly onLog: ((line: string) => void) | undefined
  /** Told of requests and of what they did. */
  readonly observers: readonly RegistryObserver[]
}

/** What the log line tells beyond what the server knows. */
interface Note {
  /** By `performance.now()`. */
  readonly startedAt: number
  user?: string
  error?: unknown
}

/** Answers requests, and writes the log. */
export class Exchanges {
  readonly #options: ExchangeOptions
  readonly #notes = new WeakMap<IncomingMessage, Note>()
  readonly #refused = new WeakSet<Socket>()

  constructor(options: ExchangeOptions) {
    this.#options = options
  }

  /**
   * Two Host headers are read differently by a proxy and by us; what comes after them on the connection may be a
   * request that the proxy never saw (C-S9). Node itself refuses the other ways of smuggling.
   */
  refusal({ rawHeaders, socket, httpVersion }: IncomingMessage): Error | undefined {
    const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host')
    const wrong = hosts.length > 1 || (hosts.length === 0 && httpVersion === '1.1')
    if (wrong) this.#refused.add(socket)
    if (!this.#refused.has(socket)) return undefined
    return failure('INVALID_ARGUMENT', { reason: 'one Host header is needed' })
  }

  /** Notes the time from which the log line counts. */
  begin({ raw }: FastifyRequest): void {
    this.#note(raw)
  }

  async handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const answer = await this.#answer(request.raw)
    if (answer.body instanceof Readable) {
      answer.body.once('error', (error) => {
        this.#note(request.raw).error = error
      })
    }
    return sendAnswer(request.raw, reply, answer)
  }

  fail(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
    this.#note(request.raw).error = error
    // a body that was read in part is not dropped by Node itself: the connection would stand still
    request.raw.resume()
    sendAnswer(request.raw, reply, this.answerTo(error, request.raw))
  }

  /** The answer that tells the client of an error. */
  answerTo(error: unknown, raw: IncomingMessage): Answer {
    // the token service itself takes passwords
    const token = isTokenPath(pathOf(raw)) ? undefined : this.#options.token
    return errorAnswer(error, (known) => challengeFor(raw, known, token))
  }

  /** Once the request is over: writes the log, and tells the observers. */
  end({ raw, ip, url }: FastifyRequest, reply: FastifyReply): void {
    const { startedAt, user, error } = this.#note(raw)
    const isAborted = !raw.complete || !reply.raw.writableFinished
    const ms = performance.now() - startedAt
    const seen: SeenRequest = {
      method: raw.method ?? '',
      status: reply.statusCode,
      ms,
      sent: raw.method === 'HEAD' ? 0 : Number(reply.getHeader('content-length') ?? 0),
      received: lengthOf(raw) ?? 0,
      isAborted,
    }
    for (const observer of this.#options.observers) observer.request?.(seen)
    if (this.#options.onLog === undefined) return
    // JSON escapes control bytes: no request writes a line of its own into the log
    const line = {
      time: new Date(),
      remote: ip,
      ...(user !== undefined && user !== '' && { user }),
      method: raw.method,
      url,
      status: reply.statusCode,
      ms: Math.round(ms * 10) / 10,
      ...(isAborted && { aborted: true }),
      ...(error !== undefined && { error: messageOf(error) }),
    }
    this.#options.onLog(JSON.stringify(line))
  }

  async #answer(raw: IncomingMessage): Promise<Answer> {
    const path = pathOf(raw)
    const { storage, allowDelete, notes, namespaces, gate, token } = this.#options
    const query = new URLSearchParams((raw.url ?? '').slice(path.length + 1))
    const request = {
      method: raw.method ?? '',
      query,
      headers: raw.headers,
      body: raw,
      bodyLength: lengthOf(raw),
    }
    if (token !== undefined && isTokenPath(path)) return tokenEndpoint(request, token)
    const route = matchRoute(request.method, namespacePath(request.method, path, query, namespaces))
    const caller = await gate.admit(raw.headers, route.needs, route.isOpen)
    const { user } = caller
    this.#note(raw).user = user
    const report = (event: ReportedEvent): void => {
      const seen = { ...(user !== '' && { user }), remote: raw.socket.remoteAddress ?? '' }
      this.#tell({ id: randomHex(16), time: new Date(), ...event, ...seen })
    }
    return route.endpoint({ ...request, caller }, route.parts, { storage, allowDelete, notes, report })
  }

  #tell(event: RegistryEvent): void {
    for (const observer of this.#options.observers) observer.event?.(event)
  }

  #note(raw: IncomingMessage): Note {
    const known = this.#notes.get(raw)
    if (known !== undefined) return known
    const note: Note = { startedAt: performance.now() }
    this.#notes.set(raw, note)
    return note
  }
}

/** Not decoded. */
function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
}

function lengthOf({ headers, httpVersionMajor }: IncomingMessage): number | undefined {
  const told = headers['content-length']
  if (told !== undefined) return Number(told)
  // HTTP/1.1 without a length and without chunks has no body; HTTP/2 does not say
  return httpVersionMajor === 1 && headers['transfer-encoding'] === undefined ? 0 : undefined
}

export function sendAnswer(raw: IncomingMessage, reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status).headers({
    'docker-distribution-api-version': 'registry/2.0',
    'x-content-type-options': 'nosniff',
    ...answer.headers,
  })
  if (raw.method === 'HEAD') return reply.send()
  // of a text fastify would add a charset to the media type, which is to be as it is
  return reply.send(typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body)
}
