import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

export interface ScriptedServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly url: string
  readonly requests: SeenRequest[]
}

/**
 * An HTTP server that does what `answer` says, on loopback. `GET /v2/` (by which a client finds the scheme) is answered
 * with 200 and not recorded.
 */
export async function scriptedServer(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void | Promise<void>,
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    if (method === 'GET' && url === '/v2/' && headers.authorization === undefined) {
      response.end('{}')
      return
    }
    requests.push({ method, url, headers })
    void Promise.resolve(answer(request, response, requests.length)).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
