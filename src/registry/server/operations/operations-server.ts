import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { fromNodeError } from '../../../linux/system-failure.ts'
import type { ListenAddress } from '../../settings/registry-settings.ts'
import type { RegistryStorage } from '../storage.ts'
import type { Metrics } from './metrics.ts'

export interface OperationsParts {
  readonly metrics: Metrics
  readonly storage: Pick<RegistryStorage, 'listRepositories'>
  /** Brought up to date before the metrics are told. */
  readonly refresh: () => void
}

/** ms that the storage has to answer. */
const readyWithin = 5000

/**
 * For those who watch the registry, at an address of its own, as it asks nobody who he is: `/metrics` for Prometheus,
 * `/livez` (200 while the process answers), `/readyz` (200 while it takes requests and its storage answers, else 503).
 */
export class OperationsServer implements AsyncDisposable {
  readonly #parts: OperationsParts
  readonly #server: Server
  #isClosing = false

  constructor(parts: OperationsParts) {
    this.#parts = parts
    this.#server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
      void this.#answer(request.method ?? '', (request.url ?? '').split('?', 1)[0] ?? '', response)
    })
  }

  /** Returns the port. Throws what listening throws. */
  async listen({ host, port }: ListenAddress): Promise<number> {
    try {
      this.#server.listen(port, host)
      await once(this.#server, 'listening')
    } catch (error) {
      throw fromNodeError(error, `${host}:${port}`)
    }
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : port
  }

  /** From now on the registry is not ready: a balancer sends no more to it. */
  close(): void {
    this.#isClosing = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(method: string, path: string, response: ServerResponse): Promise<void> {
    const send = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
    }
    if (method !== 'GET' && method !== 'HEAD') return send(405, 'GET only\n')
    if (path === '/livez') return send(200, 'ok\n')
    if (path === '/readyz') {
      const reason = await this.#notReady()
      return reason === undefined ? send(200, 'ok\n') : send(503, `${reason}\n`)
    }
    if (path !== '/metrics') return send(404, '/metrics, /livez and /readyz are here\n')
    this.#parts.refresh()
    return send(200, await this.#parts.metrics.text(), this.#parts.metrics.contentType)
  }

  async #notReady(): Promise<string | undefined> {
    if (this.#isClosing) return 'closing'
    const asked = this.#parts.storage.listRepositories({ limit: 1 }).then(
      () => undefined,
      () => 'the storage fails',
    )
    return Promise.race([asked, delay(readyWithin, 'the storage does not answer', { ref: false })])
  }
}
