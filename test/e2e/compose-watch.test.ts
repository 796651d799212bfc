import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { composeProject } from '../support/compose-project.ts'
import { type TestMille, testMille } from '../support/mille.ts'

let mille: TestMille
before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

const files = `
services:
  app:
    build: .
    network_mode: none
    stop_signal: SIGKILL
    develop:
      watch:
        - { path: ./src, action: sync, target: /app/src, ignore: [skipped], initial_sync: true }
        - { path: ./conf, action: sync+exec, target: /app/conf, exec: { command: sh -c 'cp /app/conf/* /seen' } }
        - { path: ./restart.txt, action: sync+restart, target: /app/restart.txt }
        - { path: ./word, action: rebuild }
`
const dockerfile = `FROM busybox
COPY word /word
CMD ["sh", "-c", "echo begun >> /count; sleep 1000"]
`

test('compose watch: files go in, are removed, restart and rebuild what they should', async () => {
  using project = composeProject(mille, files)
  project.write('Dockerfile', dockerfile)
  project.write('word', 'first')
  project.write('src/there', 'from the start')
  project.write('src/skipped', 'never')
  project.write('conf/a', '1')
  project.write('restart.txt', '1')
  const group = ['-p', project.name, '-f', join(project.folder, 'compose.yaml')]
  const child = mille.start('compose', ...group, 'watch')
  let told = ''
  child.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()))
  /** Asks until it is so; the test runner's limit ends what never comes. */
  const becomes = async (wanted: string, ...command: readonly string[]): Promise<void> => {
    for (;;) {
      const { out } = mille.run(['exec', `${project.name}-app-1`, ...command])
      if (out.trim() === wanted) return
      await sleep(50)
    }
  }
  while (!told.includes('Watch enabled')) await sleep(20)
  await becomes('from the start', 'cat', '/app/src/there')
  project.write('src/deep/new', 'synced')
  await becomes('synced', 'cat', '/app/src/deep/new')
  rmSync(join(project.folder, 'src/there'))
  await becomes('deep', 'ls', '/app/src')
  project.write('conf/a', '2')
  await becomes('2', 'cat', '/seen')
  project.write('restart.txt', '2')
  await becomes('begun\nbegun', 'cat', '/count')
  project.write('word', 'second')
  await becomes('second', 'cat', '/word')
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'close'), [130, null])
})

test('compose watch says what is wrong with its rules', () => {
  const rule = (text: string): string =>
    `services: { a: { image: busybox, command: sleep 1000, network_mode: none, stop_signal: SIGKILL, develop: { watch: [${text}] } } }`
  using project = composeProject(mille, rule('{ path: ., action: sync }'))
  assert.match(project.run('watch', '--no-up').err, /^service a: watch action sync needs a target$/m)
  project.write('compose.yaml', rule('{ path: ., action: rebuild }'))
  assert.match(
    project.run('watch', '--no-up').err,
    /^service a: watch action rebuild needs a build section$/m,
  )
  project.write('compose.yaml', rule(''))
  assert.match(project.run('watch', '--no-up').err, /^none of the selected services is configured for watch/m)
})
