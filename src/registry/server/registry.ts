import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure, messageOf } from '../../util/errors.ts'
import type { Answer } from './answer.ts'
import { capConnections } from './connection-cap.ts'
import { Htpasswd, isAnonymous } from './htpasswd.ts'
import { matchRoute } from './route.ts'
import type { RegistryStorage } from './storage.ts'
import { errorAnswer } from './wire-errors.ts'

export interface RegistryOptions {
  /** Not disposed by the registry: who opened it closes it, after the registry. */
  readonly storage: RegistryStorage
  /** Manifests, tags and blobs may be deleted; default false. */
  readonly allowDelete?: boolean
  /** htpasswd file with bcrypt hashes; without it nobody needs to log in. */
  readonly htpasswd?: string
  /** With `htpasswd`: manifests, blobs and tags may be read without a login. */
  readonly anonymousPull?: boolean
  /** Uploads untouched for so long are removed, ms; default one day. */
  readonly uploadLifetime?: number
  /** Connections of one client address beyond this are refused; default 256. */
  readonly maxConnectionsPerAddress?: number
  /** A connection on which nothing moves for so long is closed, ms; default 2 minutes. */
  readonly idleTimeout?: number
  /** A request whose headers take longer than this is refused, ms; default 10 s. */
  readonly headerTimeout?: number
  /** How long `close` waits for requests under way, ms; default 10 s. */
  readonly closeTimeout?: number
  /** One JSON object a line, one line a request. */
  readonly onLog?: (line: string) => void
}

export interface RegistryAddress {
  readonly url: string
  /** `host:port`, as in references. */
  readonly host: string
  readonly port: number
}

/** A registry server. Source: OCI distribution-spec 1.1. */
export interface Registry extends AsyncDisposable {
  /** Port 0 takes a free one. */
  listen(host: string, port: number): Promise<RegistryAddress>
  /** Lets requests under way end, takes no new ones. */
  close(): Promise<void>
}

const sweepEvery = 60 * 60 * 1000

/** Throws HTPASSWD_INVALID, or the error of reading that file. */
export async function createRegistry(options: RegistryOptions): Promise<Registry> {
  const htpasswd = options.htpasswd === undefined ? undefined : new Htpasswd(options.htpasswd)
  await htpasswd?.load()
  // here, not above: no other command shall pay for loading it
  const { fastify } = await import('fastify')
  const app = fastify({
    connectionTimeout: options.idleTimeout ?? 120_000,
    keepAliveTimeout: 60_000,
    http: {
      headersTimeout: options.headerTimeout ?? 10_000,
      connectionsCheckingInterval: 1000,
      // checked here, together with what may follow on the connection
      requireHostHeader: false,
    },
    // paths are decoded and matched in route.ts
    routerOptions: { maxParamLength: 100_000 },
    frameworkErrors: (error, request, reply) => {
      sendAnswer(
        request.raw,
        reply,
        errorAnswer(failure('REGISTRY_NAME_INVALID', { name: request.url }, { cause: error })),
      )
    },
  })
  const exchanges = new Exchanges(options, htpasswd)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, body, done) => {
    done(null, body)
  })
  app.all('/*', (request, reply) => exchanges.handle(request, reply))
  app.setNotFoundHandler((request, reply) => exchanges.handle(request, reply))
  app.setErrorHandler((error, request, reply) => {
    exchanges.fail(request, reply, error)
  })
  app.addHook('onRequest', (request, reply, done) => {
    exchanges.begin(request)
    // comes also when the connection is broken off in the middle of the answer
    reply.raw.once('close', () => {
      exchanges.log(request, reply)
    })
    // at once, not in the handler: the next request on this connection may be parsed already
    done(exchanges.refusal(request.raw))
  })
  capConnections(app.server, options.maxConnectionsPerAddress ?? 256)
  return new FastifyRegistry(app, options)
}

class FastifyRegistry implements Registry {
  readonly #app: FastifyInstance
  readonly #options: RegistryOptions
  #sweeper: NodeJS.Timeout | undefined

  constructor(app: FastifyInstance, options: RegistryOptions) {
    this.#app = app
    this.#options = options
  }

  async listen(host: string, port: number): Promise<RegistryAddress> {
    try {
      await this.#app.listen({ host, port })
    } catch (error) {
      throw fromNodeError(error, `${host}:${port}`)
    }
    await this.#removeStaleUploads()
    this.#sweeper = setInterval(() => void this.#removeStaleUploads(), sweepEvery)
    this.#sweeper.unref()
    const found = (this.#app.server.address() as AddressInfo).port
    const authority = `${host.includes(':') ? `[${host}]` : host}:${found}`
    return { url: `http://${authority}`, host: authority, port: found }
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    const force = setTimeout(() => {
      this.#app.server.closeAllConnections()
    }, this.#options.closeTimeout ?? 10_000)
    // a connection whose last request ends from now on would be kept alive for the next one
    const release = setInterval(() => {
      this.#app.server.closeIdleConnections()
    }, 20)
    try {
      await this.#app.close()
    } finally {
      clearTimeout(force)
      clearInterval(release)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #removeStaleUploads(): Promise<void> {
    const { storage, uploadLifetime = 24 * 60 * 60 * 1000, onLog } = this.#options
    try {
      const removed = await storage.expireUploads(uploadLifetime)
      if (removed > 0) onLog?.(JSON.stringify({ time: new Date(), event: 'uploads expired', removed }))
    } catch (error) {
      onLog?.(JSON.stringify({ time: new Date(), event: 'uploads not expired', error: String(error) }))
    }
  }
}

/** What the log line tells beyond what the server knows. */
interface Note {
  /** By `performance.now()`. */
  readonly startedAt: number
  user?: string
  error?: unknown
}

class Exchanges {
  readonly #options: RegistryOptions
  readonly #htpasswd: Htpasswd | undefined
  readonly #notes = new WeakMap<IncomingMessage, Note>()
  readonly #refused = new WeakSet<Socket>()

  constructor(options: RegistryOptions, htpasswd: Htpasswd | undefined) {
    this.#options = options
    this.#htpasswd = htpasswd
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
    sendAnswer(request.raw, reply, errorAnswer(error))
  }

  log({ raw, ip, url }: FastifyRequest, reply: FastifyReply): void {
    if (this.#options.onLog === undefined) return
    const { startedAt, user, error } = this.#note(raw)
    // JSON escapes control bytes: no request writes a line of its own into the log
    const line = {
      time: new Date(),
      remote: ip,
      ...(user !== undefined && user !== '' && { user }),
      method: raw.method,
      url,
      status: reply.statusCode,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
      ...((!raw.complete || !reply.raw.writableFinished) && { aborted: true }),
      ...(error !== undefined && { error: messageOf(error) }),
    }
    this.#options.onLog(JSON.stringify(line))
  }

  async #answer(raw: IncomingMessage): Promise<Answer> {
    const [path = '', ...rest] = (raw.url ?? '').split('?')
    const route = matchRoute(raw.method ?? '', path)
    const user = await this.#userOf(raw, route.anonymous)
    this.#note(raw).user = user
    const request = {
      method: raw.method ?? '',
      query: new URLSearchParams(rest.join('?')),
      headers: raw.headers,
      body: raw,
      user,
    }
    const { storage, allowDelete = false } = this.#options
    return route.endpoint(request, route.parts, { storage, allowDelete })
  }

  async #userOf(raw: IncomingMessage, anonymous: boolean): Promise<string> {
    if (this.#htpasswd === undefined) return ''
    const user = await this.#htpasswd.authenticate(raw.headers.authorization)
    if (user !== undefined) return user
    // a wrong password is refused also where none is needed
    const silent = isAnonymous(raw.headers.authorization)
    if (anonymous && silent && this.#options.anonymousPull === true) return ''
    throw failure('REGISTRY_LOGIN_REQUIRED', {})
  }

  #note(raw: IncomingMessage): Note {
    const known = this.#notes.get(raw)
    if (known !== undefined) return known
    const note: Note = { startedAt: performance.now() }
    this.#notes.set(raw, note)
    return note
  }
}

function sendAnswer(raw: IncomingMessage, reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status).headers({
    'docker-distribution-api-version': 'registry/2.0',
    'x-content-type-options': 'nosniff',
    ...answer.headers,
  })
  return raw.method === 'HEAD' ? reply.send() : reply.send(answer.body)
}
