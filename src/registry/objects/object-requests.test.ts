import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { ObjectRequests } from './object-requests.ts'

async function serve(answer: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

test('of a refusal that never ends only the beginning is read', async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(403)
    const more = (): void => {
      while (!response.destroyed && response.write('no '.repeat(1000)));
    }
    response.on('drain', more)
    more()
  })
  const requests = new ObjectRequests('a test')
  const answer = await requests.send({ method: 'GET', url: server.url })
  const words = await requests.words(answer)
  assert.match(words, /^no no /)
  assert.ok(words.length <= 64 * 1024)
})

test('a wait for the next try ends with the signal, as canceled', async () => {
  const server = await serve(() => {})
  await server[Symbol.asyncDispose]()
  // nobody listens there now
  const sent = new ObjectRequests('a test').send({
    method: 'GET',
    url: server.url,
    signal: AbortSignal.timeout(100),
  })
  await assert.rejects(sent, (error) => isMilleError(error, 'CANCELED'))
})
