import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { pushImage, randomImage } from '../../../../test/support/random-image.ts'
import { startRegistry } from '../../../../test/support/start-registry.ts'
import { until } from '../../../../test/support/until.ts'
import { createRegistryClient } from '../../client/registry-client.ts'
import { Metrics } from './metrics.ts'
import type { RegistryEvent } from './observer.ts'
import { OperationsServer } from './operations-server.ts'
import { Webhooks } from './webhooks.ts'

interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly events: RegistryEvent[]
  readonly secrets: (string | undefined)[]
  /** What the next ones are answered; then 200. */
  readonly answers: number[]
}

async function startReceiver(): Promise<Receiver> {
  const receiver = {
    events: [] as RegistryEvent[],
    secrets: [] as (string | undefined)[],
    answers: [] as number[],
  }
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const status = receiver.answers.shift() ?? 200
      receiver.secrets.push(request.headers.authorization)
      if (status === 200) receiver.events.push(JSON.parse(body) as RegistryEvent)
      response.writeHead(status, { location: '/elsewhere' }).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=secret`
  return {
    ...receiver,
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const image = randomImage()
const { digest, mediaType, size } = image.descriptor

test('a webhook is told of pushes, pulls, mounts and deletes, in order', async () => {
  await using receiver = await startReceiver()
  const hooks = new Webhooks([{ url: receiver.url, headers: { authorization: 'Bearer x' } }])
  await using registry = await startRegistry({ observers: [hooks] })
  await using client = createRegistryClient()
  const app = client.openRepository({ registry: registry.host, repository: 'team/app' })
  await pushImage(app, image)
  await app.tag(image.descriptor, 'v1')
  await fetch(`${registry.url}/v2/team/app/manifests/v1`)
  const [config] = image.blobs
  await client
    .openRepository({ registry: registry.host, repository: 'other' })
    .mount(config?.descriptor ?? image.descriptor, 'team/app')
  await fetch(`${registry.url}/v2/team/app/manifests/v1`, { method: 'DELETE' })
  await hooks.close()
  const told = receiver.events.map(({ id, time, remote, ...rest }) => {
    assert.match(id, /^[0-9a-f]{32}$/)
    assert.ok(Date.parse(String(time)) > 0)
    assert.equal(remote, '127.0.0.1')
    return rest
  })
  const manifest = { repository: 'team/app', digest, mediaType, size }
  assert.deepEqual(told, [
    { action: 'push', ...manifest },
    { action: 'push', ...manifest, tag: 'v1' },
    { action: 'pull', ...manifest, tag: 'v1' },
    { action: 'mount', repository: 'other', digest: config?.descriptor.digest, from: 'team/app' },
    { action: 'delete', repository: 'team/app', tag: 'v1' },
  ])
  assert.ok(receiver.secrets.every((secret) => secret === 'Bearer x'))
})

const event: RegistryEvent = {
  id: 'a'.repeat(32),
  time: new Date(),
  action: 'push',
  repository: 'a',
  remote: '::1',
}

test('an event that is not taken is told again, and given up after ten tries, which the log says without the URL', async () => {
  await using receiver = await startReceiver()
  const log: string[] = []
  const hooks = new Webhooks([{ url: receiver.url }], { retryDelay: 1, onLog: (line) => log.push(line) })
  // a redirect is no acceptance, and is not followed
  receiver.answers.push(500, 307)
  hooks.event(event)
  await until(async () => receiver.events.length === 1)
  assert.equal(receiver.secrets.length, 3)
  receiver.answers.push(...Array<number>(10).fill(503))
  hooks.event(event)
  hooks.event({ ...event, id: 'b'.repeat(32) })
  await until(async () => receiver.events.length === 2)
  assert.equal(receiver.events[1]?.id, 'b'.repeat(32))
  await hooks.close()
  assert.equal(log.length, 1)
  assert.match(log[0] ?? '', /"webhook not told".*"error":"status 503"/)
  assert.doesNotMatch(log[0] ?? '', /secret/)
})

test('only the actions that were asked for are told', async () => {
  await using receiver = await startReceiver()
  const hooks = new Webhooks([{ url: receiver.url, actions: ['delete'] }])
  hooks.event(event)
  hooks.event({ ...event, action: 'delete' })
  await hooks.close()
  assert.deepEqual(
    receiver.events.map(({ action }) => action),
    ['delete'],
  )
})

test('a webhook that hangs holds up neither the registry nor its end', async () => {
  await using receiver = await startReceiver()
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
  const hooks = new Webhooks([{ url }, { url: receiver.url }])
  for (let count = 0; count < 1500; count++) hooks.event(event)
  assert.ok(hooks.waiting <= 2000)
  await until(async () => receiver.events.length >= 1000)
  await hooks.close(10)
  silent.closeAllConnections()
  silent.close()
})

test('metrics, liveness and readiness', async () => {
  const metrics = new Metrics()
  await using registry = await startRegistry({ observers: [metrics] })
  let isBroken = false
  const storage = {
    listRepositories: async () => {
      if (isBroken) throw new Error('no disk')
      return []
    },
  }
  await using server = new OperationsServer({ metrics, storage, refresh: () => metrics.waiting(7) })
  const url = `http://127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`
  await fetch(`${registry.url}/v2/`)
  await fetch(`${registry.url}/v2/a/manifests/x`)
  await fetch(`${registry.url}/v2/`, { method: 'PURGE' }).catch(() => {})
  let seen = ''
  await until(async () => {
    seen = await (await fetch(`${url}/metrics`)).text()
    return seen.includes('status="404"')
  })
  assert.match(seen, /^mille_registry_requests_total\{method="GET",status="200"\} 1$/m)
  assert.match(seen, /^mille_registry_requests_total\{method="GET",status="404"\} 1$/m)
  assert.match(seen, /^mille_registry_webhook_queue 7$/m)
  assert.match(seen, /^process_resident_memory_bytes \d+$/m)
  const status = async (path: string): Promise<number> => (await fetch(url + path)).status
  assert.deepEqual([await status('/livez'), await status('/readyz'), await status('/x')], [200, 200, 404])
  isBroken = true
  assert.deepEqual([await status('/livez'), await status('/readyz')], [200, 503])
  isBroken = false
  server.close()
  assert.equal(await (await fetch(`${url}/readyz`)).text(), 'closing\n')
})
