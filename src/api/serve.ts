import {
  createServer,
  ServerResponse,
  type IncomingMessage,
  type Server,
  type ServerOptions,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Engine } from '../engine/engine.ts'
import { messageOf } from '../util/errors.ts'
import { createAttached } from './containers/attached.ts'
import { createExecs } from './exec/execs.ts'
import { answer, refuseBroken } from './http/answer.ts'
import { checkOrigin } from './http/check-origin.ts'
import { listen, type ListenAddress } from './http/listen.ts'
import { memoryAtRest, type MemoryAtRest } from './http/memory-at-rest.ts'
import type { ServedEngine } from './route.ts'

export interface ServeOptions {
  readonly addresses: readonly ListenAddress[]
  /** PEM texts; with `ca` clients need a certificate of it. Unix sockets have no TLS. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly ca?: Buffer }
  /** Number of the group that may use unix sockets, besides their owner; default the process's own. */
  readonly group?: number | undefined
  /** Milliseconds that requests under way get when the server stops; default 10 s. */
  readonly grace?: number
  /** One line, of what failed. */
  readonly onLog?: (line: string) => void
  /** One line for each request that was answered. */
  readonly onRequest?: ((line: string) => void) | undefined
}

export interface ApiServer extends AsyncDisposable {
  /** As in DOCKER_HOST. */
  readonly addresses: readonly string[]
}

/** As Go's: X-Registry-Config holds the logins of many registries. */
const maxHeaderSize = 1024 * 1024

const httpOptions: ServerOptions = {
  maxHeaderSize,
  headersTimeout: 10_000,
  // a build context or an image may take hours
  requestTimeout: 0,
  // clients keep connections; one closed under a request that is on its way would fail it
  keepAliveTimeout: 300_000,
  connectionsCheckingInterval: 1000,
}

/**
 * Serves the Docker Engine API 1.24 to 1.51 until it is disposed, which ends requests under way. All addresses or none:
 * the errors of `listen`.
 */
export async function serveApi(engine: Engine, options: ServeOptions): Promise<ApiServer> {
  const served: ServedEngine = {
    ...engine,
    execs: createExecs(engine.containers),
    attached: createAttached(),
  }
  const stopping = new AbortController()
  const memory = memoryAtRest()
  const servers: { readonly server: Server; readonly sockets: ReadonlySet<Socket> }[] = []
  const stop = async (): Promise<void> => {
    const ended = servers.map(({ server, sockets }) => close(server, sockets, options.grace ?? 10_000))
    stopping.abort()
    memory[Symbol.dispose]()
    await Promise.all(ended)
  }
  const addresses: string[] = []
  try {
    for (const address of options.addresses) {
      const overTcp = address.kind === 'tcp'
      const server = await createHttpServer(overTcp ? options.tls : undefined)
      servers.push({ server, sockets: trackSockets(server) })
      attach(server, served, { overTcp, stopping: stopping.signal, memory, options })
      addresses.push(await listen(server, address, options.group))
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { addresses, [Symbol.asyncDispose]: stop }
}

async function createHttpServer(tls: ServeOptions['tls']): Promise<Server> {
  if (tls === undefined) return createServer(httpOptions)
  const https = await import('node:https')
  const verify = { requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined }
  return https.createServer({ ...httpOptions, ...tls, ...verify, minVersion: 'TLSv1.2' })
}

interface Seat {
  readonly overTcp: boolean
  readonly stopping: AbortSignal
  readonly memory: MemoryAtRest
  readonly options: ServeOptions
}

function attach(server: Server, engine: ServedEngine, { overTcp, stopping, memory, options }: Seat): void {
  const handle = (request: IncomingMessage, response: ServerResponse, upgrade: boolean): void => {
    const onError = (error: unknown): void =>
      options.onLog?.(`${request.method} ${request.url}: ${messageOf(error)}`)
    memory.busy()
    if (options.onRequest !== undefined) tellAnswer(request, response, options.onRequest)
    // with a certificate the client is known
    const check = (): void =>
      checkOrigin(request, overTcp && (request.socket as TLSSocket).authorized !== true)
    void answer({ request, response, upgrade, stopping, check, onError }, engine)
  }
  server.on('request', (request, response) => handle(request, response, false))
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (head.length > 0) socket.unshift(head)
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(request.socket)
    response.on('finish', () => socket.end())
    handle(request, response, true)
  })
  server.on('clientError', refuseBroken)
}

/** When the answer is out, or its client gone. */
function tellAnswer(request: IncomingMessage, response: ServerResponse, tell: (line: string) => void): void {
  const begun = performance.now()
  response.once('close', () => {
    const took = Math.round(performance.now() - begun)
    tell(`${request.method} ${request.url}: ${response.statusCode} in ${took} ms`)
  })
}

async function close(server: Server, sockets: ReadonlySet<Socket>, grace: number): Promise<void> {
  if (!server.listening) return
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  const force = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, grace)
  // a connection whose last request ends from now on would be kept alive for the next one
  const release = setInterval(() => server.closeIdleConnections(), 20)
  await ended
  clearTimeout(force)
  clearInterval(release)
}

/** All connections of a server; Node itself forgets those that were upgraded. */
function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return sockets
}
