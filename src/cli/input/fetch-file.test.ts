import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { fetchFile } from './fetch-file.ts'

const signal = new AbortController().signal

async function serve(
  port: number,
  answer: (request: IncomingMessage) => readonly [number, Record<string, string>, string],
): Promise<{ readonly host: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const [status, headers, body] = answer(request)
    response.writeHead(status, headers).end(body)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Ports of the list that browsers block (fetch.spec.whatwg.org/#port-blocking). */
const blocked = [10080, 6697, 6669, 6668, 6667, 6666, 6665, 6566, 6000, 5061, 5060]

test('a port that browsers block is one like any other', async () => {
  for (const port of blocked) {
    const server = await serve(port, () => [200, {}, 'bytes']).catch(() => undefined)
    // somebody else may have the port
    if (server === undefined) continue
    await using _ = server
    assert.equal(await text(await fetchFile(`http://${server.host}/x`, signal)), 'bytes')
    return
  }
  assert.fail('none of the ports is free')
})

test('a login goes to its own origin and no further', async () => {
  const seen: (string | undefined)[] = []
  await using far = await serve(0, ({ headers }) => {
    seen.push(headers.authorization)
    return [200, {}, 'far']
  })
  await using near = await serve(0, ({ headers }) => {
    seen.push(headers.authorization)
    return [302, { location: `http://${far.host}/y` }, '']
  })
  assert.equal(await text(await fetchFile(`http://user:p%40ss@${near.host}/x`, signal)), 'far')
  assert.deepEqual(seen, [`Basic ${Buffer.from('user:p@ss').toString('base64')}`, undefined])
})

test('what cannot be had is one line without the password', async () => {
  await using server = await serve(0, () => [404, {}, 'no'])
  await using loop = await serve(0, ({ headers }) => [302, { location: `http://${headers.host}/` }, ''])
  const closed = await serve(0, () => [200, {}, ''])
  await closed[Symbol.asyncDispose]()
  const reasons = [
    [server.host, 'status 404'],
    [loop.host, 'more than 10 redirects'],
    [closed.host, `connection refused (${closed.host})`],
  ]
  for (const [host, reason] of reasons) {
    await assert.rejects(fetchFile(`http://u:secret@${host}/x`, signal), (error) => {
      assert.ok(isMilleError(error, 'CLI_FAILED'))
      assert.equal(error.message, `cannot fetch http://${host}/x: ${reason}`)
      return true
    })
  }
})
