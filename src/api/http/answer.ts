import type { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex, Readable } from 'node:stream'
import { failure, messageOf } from '../../util/errors.ts'
import { version } from '../../util/version.ts'
import { loadRoutes } from '../route-table.ts'
import type { Method, ServedEngine } from '../route.ts'
import { newestVersion, splitVersion } from './api-version.ts'
import { errorResponse, statusOf } from './error-status.ts'
import { decodePath, matchRoute } from './match-route.ts'
import { parseQuery } from './query.ts'
import type { ApiResponse, HijackResponse, PlainResponse, StreamResponse } from './response.ts'

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** With `Connection: Upgrade`: Node has read the head alone, all that follows is in the socket. */
  readonly upgrade: boolean
  /** Fires when the server stops. */
  readonly stopping: AbortSignal
  /** Called before anything is done; throws to refuse. */
  readonly check: () => void
  readonly onError: (error: unknown) => void
}

/** Milliseconds, and bytes, that a client may go on sending after it has its answer. */
const restTime = 10_000
const restBytes = 4 * 1024 * 1024
/** Milliseconds that a client which sent more has to read the answer before it is cut off. */
const lastTime = 500

/** Answers one request from the routes. Never throws. */
export async function answer(exchange: Exchange, engine: ServedEngine): Promise<void> {
  const { request, response } = exchange
  setCommonHeaders(response)
  using gone = clientGone(exchange)
  try {
    const found = await respond(exchange, engine, gone.signal)
    if (found.kind === 'hijack') await hijack(exchange, found)
    else if (found.kind === 'stream') await writeStream(response, found)
    else writePlain(request, response, found)
  } catch (error) {
    if (statusOf(error) >= 500 && !gone.signal.aborted) exchange.onError(error)
    if (response.headersSent) response.destroy()
    else writePlain(request, response, errorResponse(error))
  }
}

function setCommonHeaders(response: ServerResponse): void {
  response.setHeader('Api-Version', `1.${newestVersion}`)
  response.setHeader('Docker-Experimental', 'false')
  response.setHeader('Ostype', 'linux')
  response.setHeader('Server', `mille/${version} (linux)`)
}

async function respond(exchange: Exchange, engine: ServedEngine, signal: AbortSignal): Promise<ApiResponse> {
  const { request, upgrade } = exchange
  exchange.check()
  const [rawPath = '', ...rest] = (request.url ?? '').split('?')
  const { version, path } = splitVersion(decodePath(rawPath))
  const method = request.method as Method
  const { route, name } = matchRoute(await loadRoutes(path), method, path, version)
  return await route.handle(
    {
      method,
      name,
      query: parseQuery(rest.join('?')),
      headers: request.headers,
      version,
      body: upgrade ? Readable.from(readUpgradeBody(request), { objectMode: false }) : request,
      upgrade,
      signal,
    },
    engine,
  )
}

/** Node reads no body behind the head of an upgrade; `exec` sends one all the same, with its length. */
async function* readUpgradeBody({ headers, socket }: IncomingMessage): AsyncGenerator<Buffer> {
  if (headers['transfer-encoding'] !== undefined) {
    throw failure('INVALID_ARGUMENT', { reason: 'a request that upgrades needs a Content-Length' })
  }
  for (let left = Number(headers['content-length'] ?? 0); left > 0;) {
    const chunk = socket.read(Math.min(left, Math.max(socket.readableLength, 1))) as Buffer | null
    if (chunk !== null) {
      left -= chunk.length
      yield chunk
    } else if (socket.readableEnded || socket.destroyed) return
    else await readable(socket)
  }
}

function readable(socket: Readable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('readable', done).off('end', done).off('close', done)
      resolve()
    }
    socket.on('readable', done).on('end', done).on('close', done)
  })
}

function clientGone({ response, stopping }: Exchange): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const abort = (): void => controller.abort(failure('CANCELED', {}))
  const { socket } = response
  socket?.once('close', abort)
  stopping.addEventListener('abort', abort)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      socket?.off('close', abort)
      stopping.removeEventListener('abort', abort)
    },
  }
}

function writePlain(request: IncomingMessage, response: ServerResponse, plain: PlainResponse): void {
  const body = Buffer.from(plain.body ?? '')
  const hasBody = plain.status !== 204 && plain.status !== 304
  response.writeHead(plain.status, {
    ...plain.headers,
    ...(hasBody && { 'Content-Length': body.length }),
  })
  response.end(request.method === 'HEAD' || !hasBody ? undefined : body)
  dropRest(request)
}

/**
 * A body that nobody read would keep the connection from its next request, and closing at once would take the answer from
 * the client. One that never ends, in time or in bytes, is cut.
 */
function dropRest(request: IncomingMessage): void {
  if (request.complete) return
  const cut = setTimeout(() => request.destroy(), restTime).unref()
  request.once('close', () => clearTimeout(cut))
  let left = restBytes
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left >= 0) return
    request.pause()
    request.socket.end()
    setTimeout(() => request.destroy(), lastTime).unref()
  })
  request.resume()
}

async function writeStream(response: ServerResponse, stream: StreamResponse): Promise<void> {
  response.statusCode = 200
  response.setHeader('Content-Type', stream.contentType)
  for (const [name, value] of Object.entries(stream.headers ?? {})) response.setHeader(name, value)
  if (stream.headFirst === true) response.flushHeaders()
  try {
    await stream.write(response)
  } catch (error) {
    if (!response.headersSent) {
      for (const name of ['Content-Type', ...Object.keys(stream.headers ?? {})]) response.removeHeader(name)
      throw error
    }
    if (stream.errorText === undefined || response.destroyed) throw error
    response.write(stream.errorText(error))
  }
  response.end()
}

/**
 * The connection itself becomes the stream. With an upgrade what the client sends on it is input; without one it is a
 * response without length, and the body of the request is the input.
 */
async function hijack(exchange: Exchange, { mediaType, run }: HijackResponse): Promise<void> {
  const { request, response } = exchange
  const { socket } = request
  if (!exchange.upgrade) {
    // without a length and not in chunks: the body ends with the connection
    response.removeHeader('Transfer-Encoding')
    response.writeHead(200, { 'Content-Type': mediaType, Connection: 'close' })
    response.flushHeaders()
    const connection = Duplex.from({ readable: request, writable: response })
    // a client that leaves is told by the exchange's signal; unheard, the error would end the server
    connection.on('error', () => connection.destroy())
    await run(connection)
    response.end()
    return
  }
  response.detachSocket(socket)
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${mediaType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n` +
      `Api-Version: 1.${newestVersion}\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: mille/${version} (linux)\r\n\r\n`,
  )
  try {
    await run(socket)
  } catch (error) {
    exchange.onError(error)
    socket.destroy()
  }
  socket.end()
}

/** The answer to what is no HTTP at all. */
export function refuseBroken(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  const body = `${JSON.stringify({ message: messageOf(error) })}\n`
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
