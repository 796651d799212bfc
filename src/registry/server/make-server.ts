import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Http2SecureServer } from 'node:http2'
import type { Socket } from 'node:net'
import { capConnections } from './connection-cap.ts'
import type { Certificate } from './certificate.ts'

export interface ServerOptions {
  readonly tls: Certificate | undefined
  /** In ms. */
  readonly idleTimeout: number
  readonly headerTimeout: number
  readonly maxConnectionsPerAddress: number
}

export interface MadeServer {
  readonly server: Server
  /** After `server.close()`: ends what would be kept open for another request, again and again. */
  releaseIdle(): void
  destroyAll(): void
}

/** HTTP/1.1; with TLS, HTTP/2 for those who ask for it. */
export function makeServer(handler: RequestListener, options: ServerOptions): MadeServer {
  const { tls, idleTimeout, headerTimeout, maxConnectionsPerAddress } = options
  const timeouts = {
    headersTimeout: headerTimeout,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: 60_000,
  }
  const server =
    tls === undefined
      ? // the Host header is checked together with what may follow on the connection
        createServer({ ...timeouts, requireHostHeader: false }, handler)
      : makeSecureServer(tls, timeouts, handler)
  server.setTimeout(idleTimeout)
  capConnections(server, maxConnectionsPerAddress)
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return {
    server,
    releaseIdle() {
      // of a secure server too: the property is the same, the type has it not
      server.keepAliveTimeout = 1
      if ('closeIdleConnections' in server) server.closeIdleConnections()
    },
    destroyAll() {
      for (const socket of open) socket.destroy()
    },
  }
}

/** Has all that is used of an HTTP server; Node's types know no common one. */
function makeSecureServer(
  { certificate, key }: Certificate,
  { headersTimeout, ...timeouts }: { readonly headersTimeout: number },
  handler: RequestListener,
): Server {
  const server = createSecureServer({
    ...timeouts,
    cert: certificate,
    key,
    allowHTTP1: true,
  }) as Http2SecureServer & Server
  server.headersTimeout = headersTimeout
  server.on('request', handler)
  return server
}
