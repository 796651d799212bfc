import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

test('a signal that ends thaws what is paused', () => {
  for (const signal of ['KILL', 'TERM']) {
    mille.ok('run', '-d', '--name', 'frozen', '--init', 'busybox', 'sleep', '1000')
    mille.ok('pause', 'frozen')
    mille.ok('kill', '-s', signal, 'frozen')
    assert.equal(mille.ok('wait', 'frozen'), signal === 'KILL' ? '137' : '143')
    mille.ok('rm', 'frozen')
  }
})

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

test('a stop signal that does not exist is refused when a container is created', () => {
  for (const [verb, expected] of [
    ['run', 125],
    ['create', 1],
  ] as const) {
    const { code, err } = mille.run([verb, '--stop-signal', 'FOO', 'busybox', 'true'])
    assert.equal(code, expected)
    assert.match(err, /invalid signal: FOO/)
  }
  assert.equal(mille.ok('ps', '-aq'), '')
})

test('a container whose image names a stop signal that does not exist is stopped with SIGTERM', () => {
  loadWithStopSignal('odd', 'FOO')
  assert.equal(mille.ok('image', 'inspect', '-f', '{{.Config.StopSignal}}', 'odd'), 'FOO')
  const script = 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done'
  mille.ok('run', '-d', '--name', 'odd', 'odd', 'sh', '-c', script)
  while (mille.ok('logs', 'odd') !== 'ready');
  mille.ok('stop', 'odd')
  assert.equal(mille.ok('inspect', '-f', '{{.State.ExitCode}}', 'odd'), '3')
  mille.ok('rm', 'odd')
})

/** No Dockerfile can name such a signal, but any archive can. */
function loadWithStopSignal(name: string, signal: string): void {
  const folder = join(mille.root, 'archive')
  mkdirSync(folder)
  mille.ok('save', '-o', `${folder}.tar`, 'busybox')
  execFileSync('tar', ['-xf', `${folder}.tar`, '-C', folder])
  const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'))
  const [{ Config, Layers }] = read('manifest.json') as [{ Config: string; Layers: string[] }]
  const image = read(Config) as { config: object }
  const config = JSON.stringify({ ...image, config: { ...image.config, StopSignal: signal } })
  writeFileSync(join(folder, 'odd.json'), config)
  const manifest = [{ Config: 'odd.json', RepoTags: [`${name}:latest`], Layers }]
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
  const files = ['manifest.json', 'odd.json', ...Layers]
  execFileSync('tar', ['-cf', `${folder}.tar`, '-C', folder, ...files])
  mille.ok('load', '-i', `${folder}.tar`)
}
