import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

test('logs without -f ends, however fast the container writes', async () => {
  mille.ok('run', '-d', '--name', 'fast', 'busybox', 'yes', 'the same line again')
  const child = mille.start('logs', 'fast')
  let bytes = 0
  child.stdout?.on('data', (chunk: Buffer) => (bytes += chunk.length))
  const limit = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const code = await new Promise((resolve) => child.once('exit', resolve))
  clearTimeout(limit)
  mille.ok('rm', '-f', 'fast')
  assert.equal(code, 0)
  assert.ok(bytes > 0)
})
