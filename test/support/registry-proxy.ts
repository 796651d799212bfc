import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happened to one request that came through. */
export interface ProxiedRequest {
  readonly method: string
  readonly path: string
  readonly range: string | undefined
  /** Of a piece of an upload: its first byte. */
  readonly offset: number
  /** Bytes of the request's body that came from the client. */
  received: number
  /** Bytes of the body that were passed on to the client. */
  sent: number
}

export interface RegistryProxy extends AsyncDisposable {
  readonly host: string
  readonly requests: ProxiedRequest[]
  /** Changes the bytes of an answer, or stops it: resolve undefined to hang up; never resolve to stall. */
  onBody: (seen: ProxiedRequest, chunk: Buffer) => Promise<Buffer | undefined> | Buffer | undefined
  /** The bytes of an upload on their way; undefined hangs up on both sides. */
  onUpload: (seen: ProxiedRequest, chunk: Buffer) => Buffer | undefined
  /** Answers instead of the registry when it returns true. */
  onRequest: (incoming: IncomingMessage, response: ServerResponse) => boolean
}

/** Stands between a client and a registry on loopback, to count and to spoil what passes. */
export async function startRegistryProxy(target: string): Promise<RegistryProxy> {
  const [hostname, port] = target.split(':')
  const server = createServer((incoming, response) => {
    const { method = 'GET', url = '/', headers } = incoming
    const offset = Number(/^(\d+)-/.exec(headers['content-range'] ?? '')?.[1] ?? 0)
    const seen: ProxiedRequest = { method, path: url, range: headers.range, offset, received: 0, sent: 0 }
    proxy.requests.push(seen)
    response.on('error', () => {})
    if (proxy.onRequest(incoming, response)) {
      incoming.resume()
      return
    }
    const onward = request({ hostname, port, path: url, method, headers }, (answer) => {
      void passOn(answer, response, seen)
    })
    onward.on('error', () => response.destroy())
    incoming.on('error', () => onward.destroy())
    void sendOn(incoming, onward, seen)
  })
  const sendOn = async (
    incoming: IncomingMessage,
    onward: ClientRequest,
    seen: ProxiedRequest,
  ): Promise<void> => {
    try {
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        seen.received += chunk.length
        const passed = proxy.onUpload(seen, chunk)
        if (!passed) {
          onward.destroy()
          incoming.destroy()
          return
        }
        if (!onward.write(passed)) await once(onward, 'drain')
      }
      onward.end()
    } catch {
      onward.destroy()
    }
  }
  const passOn = async (
    answer: IncomingMessage,
    response: ServerResponse,
    seen: ProxiedRequest,
  ): Promise<void> => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        const passed = await proxy.onBody(seen, chunk)
        if (!passed) {
          response.destroy()
          return
        }
        seen.sent += passed.length
        if (!response.write(passed)) await new Promise((resolve) => response.once('drain', resolve))
      }
      response.end()
    } catch {
      response.destroy()
    }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: RegistryProxy = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    onBody: (_, chunk) => chunk,
    onUpload: (_, chunk) => chunk,
    onRequest: () => false,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}
