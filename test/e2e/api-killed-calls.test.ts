import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { rawEntry } from '../support/raw-tar.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { serveApi, type TestApi } from '../support/serve-api.ts'

let mille: TestMille
before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

/** Sends a request and leaves it to its fate. */
function send(api: TestApi, method: string, path: string, body?: unknown): void {
  const tar = body instanceof Buffer
  const headers = { 'Content-Type': tar ? 'application/x-tar' : 'application/json' }
  const outgoing = request({ socketPath: api.socket, method, path, headers })
  outgoing
    .on('error', () => undefined)
    .on('response', (response) => response.on('error', () => undefined).resume())
  outgoing.end(tar || body === undefined ? body : JSON.stringify(body))
}

const none = { HostConfig: { NetworkMode: 'none' } }
const dockerfile = Buffer.concat([
  rawEntry({ name: 'Dockerfile' }, 'FROM busybox\nRUN sleep 0.3; echo built\n'),
  Buffer.alloc(1024),
])

/** Every kind of call that changes something; `box` runs, `idle` does not. */
const calls: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ['POST', '/containers/create?name=made', { Image: 'busybox', Cmd: ['sleep', '1000'], ...none }],
  ['POST', '/containers/idle/start'],
  ['POST', '/containers/idle/restart?t=0'],
  ['POST', '/containers/idle/stop?t=0'],
  ['POST', '/containers/box/rename?name=other'],
  ['POST', '/containers/box/update', { Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024 }],
  [
    'PUT',
    '/containers/box/archive?path=/tmp',
    Buffer.concat([rawEntry({ name: 'file' }, 'x'.repeat(100_000))]),
  ],
  ['POST', '/commit?container=box&repo=committed'],
  ['POST', '/build?t=built', dockerfile],
  ['POST', '/images/busybox/tag?repo=tagged&tag=1'],
  ['DELETE', '/images/busybox:latest?force=1'],
  ['POST', '/volumes/create', { Name: 'volume' }],
  ['DELETE', '/containers/idle?force=1'],
  ['POST', '/containers/prune'],
  ['POST', '/images/prune'],
]

test('the server is killed during every kind of call: the next one works, and all can be removed without a rest', async () => {
  for (const [index, call] of calls.entries()) {
    const api = await serveApi(mille)
    for (const name of ['box', 'idle']) {
      const wish = { Image: 'busybox', Cmd: ['sleep', '1000'], ...none }
      await api.call('POST', `/containers/create?name=${name}`, wish)
    }
    await api.call('POST', '/containers/box/start')
    send(api, ...call)
    // from before the first change to after the last
    await sleep(index * 7)
    assert.notEqual(await api.stop('SIGKILL'), 0)
    const next = await serveApi(mille)
    const what = call.slice(0, 2).join(' ')
    const list = await next.call('GET', '/containers/json?all=1')
    assert.equal(list.status, 200, `${what}: ${list.body}`)
    for (const { Id } of JSON.parse(list.body) as { Id: string }[]) {
      const removed = await next.call('DELETE', `/containers/${Id}?force=1&v=1`)
      assert.equal(removed.status, 204, `${what}: ${removed.body}`)
    }
    assert.equal((await next.call('GET', '/containers/json?all=1')).body, '[]\n', what)
    if (next.docker(['image', 'inspect', 'busybox']).code !== 0) mille.ok('image', 'bootstrap', 'busybox')
    assert.equal((await next.call('GET', '/images/json')).status, 200, what)
    assert.equal(await next.stop(), 0, what)
  }
  assert.deepEqual(monitorsOf(mille.root), [])
  assert.equal(mille.ok('run', '--rm', '--network', 'none', 'busybox', 'echo', 'works'), 'works')
})

/** Command lines of containers' monitors of a store. */
function monitorsOf(root: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readIfAlive(join('/proc', pid, 'cmdline')))
    .filter((line) => line.includes('conmon') && line.includes(root))
}

function readIfAlive(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
