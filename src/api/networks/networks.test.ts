import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { fakeEngine } from '../../../test/support/fake-engine.ts'
import { isMilleError } from '../../util/errors.ts'
import { parseQuery } from '../http/query.ts'
import { routes } from './networks.ts'

/** Sends a body to a route; resolves with the message of NOT_IMPLEMENTED, or with '' when it was done. */
async function refusal(path: string, body: object): Promise<string> {
  const route = routes.find((one) => one.path === path && one.method === 'POST')
  assert.ok(route)
  const details = { id: 'a', name: 'net', createdAt: 0, driver: 'bridge', internal: false } as const
  const made = { ...details, attachable: false, labels: {}, options: {}, members: [] }
  const engine = fakeEngine({
    networks: { create: () => Promise.resolve(made), connect: () => Promise.resolve() },
  })
  const request = {
    method: 'POST',
    name: 'net',
    query: parseQuery(''),
    headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
    version: 51,
    body: Readable.from([Buffer.from(JSON.stringify(body))]),
    upgrade: false,
    signal: AbortSignal.abort(),
  } as const
  try {
    await route.handle(request, engine)
    return ''
  } catch (error) {
    if (isMilleError(error, 'NOT_IMPLEMENTED')) return error.message
    throw error
  }
}

test('what a network cannot be is refused by name, what is so without asking passes', async () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ EnableIPv4: false }, /^a network without EnableIPv4 is/],
    [{ ConfigFrom: { Network: 'other' } }, /^ConfigFrom\.Network is/],
    [{ Scope: 'swarm' }, /^network scope swarm is/],
    [{ IPAM: { Driver: 'dhcp' } }, /^IPAM\.Driver dhcp is/],
    [{ IPAM: { Options: { a: 'b' } } }, /^IPAM\.Options is/],
    [
      {
        Driver: 'bridge',
        Scope: '',
        EnableIPv4: true,
        EnableIPv6: true,
        IPAM: { Driver: 'default', Options: {}, Config: [] },
        Options: { 'com.docker.network.bridge.enable_icc': 'true', 'my.own': 'note' },
      },
      /^$/,
    ],
  ]
  for (const [fields, expected] of cases)
    assert.match(await refusal('/networks/create', { Name: 'net', ...fields }), expected)
})

test('a container is connected as asked or not at all', async () => {
  const connect = (EndpointConfig: object): Promise<string> =>
    refusal('/networks/{id}/connect', { Container: 'web', EndpointConfig })
  assert.match(await connect({ Links: ['db:db'] }), /^EndpointConfig\.Links is/)
  assert.match(
    await connect({ IPAMConfig: { LinkLocalIPs: ['fe80::1'] } }),
    /^EndpointConfig\.IPAMConfig\.LinkLocalIPs is/,
  )
  assert.equal(await connect({ IPAMConfig: {}, Links: null, DriverOpts: null }), '')
})
