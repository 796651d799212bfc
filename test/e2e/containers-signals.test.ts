import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

test('the third Ctrl-C leaves a container that ignores them; it runs on', async () => {
  const script = 'trap "echo got" INT TERM; echo ready; while :; do sleep 0.05; done'
  const child = mille.start('run', '--rm', '--name', 'deaf', 'busybox', 'sh', '-c', script)
  const ended = once(child, 'exit')
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += String(chunk)))
  const signals = ['SIGINT', 'SIGTERM', 'SIGINT'] as const
  let sent = 0
  for await (const _ of createInterface(child.stdout as Readable)) child.kill(signals[sent++])
  assert.deepEqual(await ended, [1, null])
  assert.match(said, /got 3 SIGTERM\/SIGINTs, forcefully exiting/)
  assert.equal(mille.ok('ps', '--format', '{{.Names}}'), 'deaf')
  mille.ok('rm', '-f', 'deaf')
})
