import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { serveRegistry } from '../support/serve-registry.ts'
import { testMille, type TestMille } from '../support/mille.ts'

const hello = resolve(import.meta.dirname, '../../examples/hello')
let mille: TestMille
let registry: string

before(async () => {
  mille = testMille()
  registry = (await serveRegistry(mille, '--address', '127.0.0.1:0')).host
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

/** What the container answers on its published port. */
async function page(container: string): Promise<string> {
  const address = mille.ok('port', container, '80').replace('0.0.0.0', '127.0.0.1')
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(`http://${address}/`)).text()
    } catch (error) {
      if (attempt === 600) throw error
      await sleep(50)
    }
  }
}

test('build twice: the second time every step is cached and the image ID is the same', () => {
  mille.ok('build', '-t', 'hello', hello)
  const first = mille.ok('image', 'inspect', '--format', '{{.Id}}', 'hello')
  const { code, out, err } = mille.run(['build', '--progress', 'plain', '-t', 'hello', hello])
  assert.equal(code, 0, err)
  const steps = `${out}${err}`.match(/^#\d+ \[.*\] (RUN|COPY|WORKDIR).*$/gm) ?? []
  const cached = `${out}${err}`.match(/^#\d+ CACHED$/gm) ?? []
  assert(steps.length >= 2)
  assert(cached.length >= steps.length, `${out}${err}`)
  assert.equal(mille.ok('image', 'inspect', '--format', '{{.Id}}', 'hello'), first)
})

test('two containers from one image answer on their ports; a change in one is invisible in the other', async () => {
  mille.ok('run', '-d', '--name', 'web-a', '-p', '80', 'hello')
  mille.ok('run', '-d', '--name', 'web-b', '-p', '80', 'hello')
  const original = await page('web-a')
  assert.equal(await page('web-b'), original)
  mille.ok('exec', 'web-a', 'sh', '-c', 'echo changed > /www/index.html')
  assert.equal(await page('web-a'), 'changed\n')
  assert.equal(await page('web-b'), original)
  assert.match(mille.ok('diff', 'web-a'), /^C \/www\/index\.html$/m)
  assert.equal(mille.ok('diff', 'web-b'), '')
})

test('commit, push, remove, pull by digest, run: the change is there', async () => {
  mille.ok('commit', 'web-a', `${registry}/hello:2`)
  const id = mille.ok('image', 'inspect', '--format', '{{.Id}}', `${registry}/hello:2`)
  assert.match(mille.ok('push', `${registry}/hello:2`), /^2: digest: sha256:[0-9a-f]{64} size: \d+$/m)
  const digest = mille.ok('image', 'inspect', '--format', '{{index .RepoDigests 0}}', `${registry}/hello:2`)
  mille.ok('rm', '-f', 'web-a', 'web-b')
  mille.ok('rmi', `${registry}/hello:2`)
  assert.equal(mille.run(['image', 'inspect', digest]).code, 1)
  mille.ok('pull', digest)
  assert.equal(mille.ok('image', 'inspect', '--format', '{{.Id}}', digest), id)
  mille.ok('run', '-d', '--name', 'web-c', '-p', '80', digest)
  assert.equal(await page('web-c'), 'changed\n')
  mille.ok('rm', '-f', 'web-c')
})
