import assert from 'node:assert/strict'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { request } from 'undici'
import { networkReason } from './network-reason.ts'

const reasonOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => assert.fail('must fail'),
    (error: unknown) => networkReason(error),
  )

async function listen(port: number): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close()
      await once(server, 'close')
    },
  }
}

test('says in words why an address cannot be reached', async () => {
  const server = await listen(0)
  const { port } = server
  assert.match(
    await reasonOf(request(`http://127.0.0.1:${port}/`)),
    /^(the connection was closed|connection reset by peer)$/,
  )
  await server.close()
  assert.equal(await reasonOf(request(`http://127.0.0.1:${port}/`)), `connection refused (127.0.0.1:${port})`)
  assert.match(await reasonOf(request(`http://localhost:${port}/`)), /^connection refused \(\S+\)$/)
})

test('says in words why a name has no address', async () => {
  assert.match(await reasonOf(lookup('no-such-name.invalid')), /no-such-name\.invalid/)
  const lost = Object.assign(new Error('getaddrinfo ENOTFOUND x.invalid'), {
    code: 'ENOTFOUND',
    errno: -3008,
    syscall: 'getaddrinfo',
    hostname: 'x.invalid',
  })
  assert.equal(networkReason(lost), 'no such host: x.invalid')
})

test('what is unknown keeps its own words', () => {
  assert.equal(networkReason(new Error('certificate has expired')), 'certificate has expired')
  assert.equal(networkReason('x'), 'x')
})
