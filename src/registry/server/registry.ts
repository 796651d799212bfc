import type { FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'
import { Gate } from './access/gate.ts'
import { Htpasswd } from './access/htpasswd.ts'
import { AccessPolicy, allRights } from './access/policy.ts'
import type { AccessRule } from './access/policy.ts'
import { Tokens } from './access/tokens.ts'
import type { TokenOptions } from './access/tokens.ts'
import type { Certificate } from './certificate.ts'
import { type ExchangeOptions, Exchanges, sendAnswer } from './exchanges.ts'
import { type MadeServer, makeServer } from './make-server.ts'
import type { Namespaces } from './namespace-path.ts'
import type { RegistryObserver } from './operations/observer.ts'
import { NotesFile, type RepositoryNotes } from './search/repository-notes.ts'
import type { RegistryStorage } from './storage.ts'

export interface RegistryOptions {
  /** Not disposed by the registry: who opened it closes it, after the registry. */
  readonly storage: RegistryStorage
  /** Manifests, tags and blobs may be deleted; default false. */
  readonly allowDelete?: boolean
  /** htpasswd file with bcrypt hashes; without it nobody needs to log in. */
  readonly htpasswd?: string
  /** With `htpasswd`: manifests, blobs and tags may be read without a login. */
  readonly anonymousPull?: boolean
  /** Who may do what; without rules whoever may log in may do everything. */
  readonly access?: readonly AccessRule[]
  /** With `htpasswd`: the registry gives tokens, at `/token`; without it logins are Basic. */
  readonly tokens?: TokenOptions
  /** `https://registry.example.org`, where clients find this registry; default: as each of them calls it. */
  readonly publicUrl?: string
  /** Without it the registry speaks HTTP. With it HTTP/2 is offered too. */
  readonly tls?: Certificate
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
  /** Descriptions and stars; default in memory. */
  readonly notes?: RepositoryNotes
  /** Registries of which the storage has copies: `ns=` asks for them. */
  readonly namespaces?: Namespaces
  /** Told of requests and of what they did. */
  readonly observers?: readonly RegistryObserver[]
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
  const exchanges = new Exchanges(await exchangeOptions(options))
  // here, not above: no other command shall pay for loading it
  const { fastify } = await import('fastify')
  let made: MadeServer | undefined
  const app = fastify({
    serverFactory: (handler) => {
      made = makeServer(handler, {
        tls: options.tls,
        idleTimeout: options.idleTimeout ?? 120_000,
        headerTimeout: options.headerTimeout ?? 10_000,
        maxConnectionsPerAddress: options.maxConnectionsPerAddress ?? 256,
      })
      return made.server
    },
    // paths are decoded and matched in route.ts
    routerOptions: { maxParamLength: 100_000 },
    frameworkErrors: (error, request, reply) => {
      const invalid = failure('REGISTRY_NAME_INVALID', { name: request.url }, { cause: error })
      sendAnswer(request.raw, reply, exchanges.answerTo(invalid, request.raw))
    },
  })
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
      exchanges.end(request, reply)
    })
    // at once, not in the handler: the next request on this connection may be parsed already
    done(exchanges.refusal(request.raw))
  })
  if (made === undefined) throw failure('INTERNAL', { reason: 'fastify made no server' })
  return new FastifyRegistry(app, made, options)
}

async function exchangeOptions(options: RegistryOptions): Promise<ExchangeOptions> {
  const htpasswd = options.htpasswd === undefined ? undefined : new Htpasswd(options.htpasswd)
  await htpasswd?.load()
  const policy = new AccessPolicy(rulesOf(options))
  const tokens = options.tokens === undefined ? undefined : new Tokens(options.tokens)
  const { storage, allowDelete = false, publicUrl, onLog, observers = [] } = options
  const notes = options.notes ?? new NotesFile()
  const namespaces = options.namespaces ?? new Map()
  const token = htpasswd && tokens && { htpasswd, policy, tokens, publicUrl }
  return {
    storage,
    allowDelete,
    notes,
    namespaces,
    gate: new Gate({ htpasswd, policy, tokens }),
    token,
    onLog,
    observers,
  }
}

function rulesOf({ access, htpasswd, anonymousPull = false }: RegistryOptions): readonly AccessRule[] {
  const users = [htpasswd === undefined ? 'anonymous' : '*']
  return [
    ...(access ?? [{ repositories: ['**'], users, allow: allRights }]),
    ...(anonymousPull ? [{ repositories: ['**'], users: ['anonymous'], allow: ['read'] as const }] : []),
  ]
}

class FastifyRegistry implements Registry {
  readonly #app: FastifyInstance
  readonly #made: MadeServer
  readonly #options: RegistryOptions
  #sweeper: NodeJS.Timeout | undefined

  constructor(app: FastifyInstance, made: MadeServer, options: RegistryOptions) {
    this.#app = app
    this.#made = made
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
    return {
      url: `${this.#options.tls === undefined ? 'http' : 'https'}://${authority}`,
      host: authority,
      port: found,
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    const force = setTimeout(() => {
      this.#made.destroyAll()
    }, this.#options.closeTimeout ?? 10_000)
    // a connection whose last request ends from now on would be kept alive for the next one
    const release = setInterval(() => {
      this.#made.releaseIdle()
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
