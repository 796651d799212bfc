import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { serveRegistry } from '../support/serve-registry.ts'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
let folder: string
before(() => {
  mille = testMille()
  folder = mkdtempSync(join(tmpdir(), 'mille-pull-through-'))
})
after(() => {
  mille[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

test('an image comes through a cache, and still does when its registry is gone', async () => {
  mille.ok('image', 'bootstrap', 'busybox')
  const upstream = await serveRegistry(mille, '--address', '127.0.0.1:0', '--storage', join(folder, 'up'))
  mille.ok('tag', 'busybox', `${upstream.host}/tools/busybox:v1`)
  mille.ok('push', '-q', `${upstream.host}/tools/busybox:v1`)
  const config = join(folder, 'cache.yaml')
  const settings = {
    listen: 0,
    storage: 'cache',
    upstreams: [{ registry: upstream.host, prefix: 'up', fresh: '1ms' }],
  }
  writeFileSync(config, JSON.stringify(settings))
  const cache = await serveRegistry(mille, '--config', config)
  const name = `${cache.host}/up/tools/busybox:v1`
  const other = testMille()
  try {
    assert.equal(other.ok('run', '--rm', name, 'echo', 'through'), 'through')
    // as who uses the cache as a mirror of the other registry asks
    const asMirror = await fetch(`${cache.url}/v2/tools/busybox/manifests/v1?ns=${upstream.host}`)
    assert.equal(asMirror.status, 200)
    assert.equal((await fetch(`${cache.url}/v2/tools/busybox/manifests/v1?ns=other`)).status, 404)
    await upstream.kill()
    other.ok('rmi', name)
    assert.equal(other.ok('run', '--rm', name, 'echo', 'again'), 'again')
    const push = other.run(['push', name])
    assert.equal(push.code, 1)
    assert.match(push.err, /is a copy of another registry's repository/)
  } finally {
    other[Symbol.dispose]()
  }
})
