import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { testMille } from '../support/mille.ts'
import { serveApi, type TestApi } from '../support/serve-api.ts'
import { until } from '../support/until.ts'

const project = resolve(import.meta.dirname, '../..')
const top = mkdtempSync(join(tmpdir(), 'mille-killed-'))
after(() => rmSync(top, { recursive: true, force: true }))

/** A package of its own, as an older release is: it can go. */
function copyOfCommand(): string {
  const folder = join(top, 'older')
  for (const name of ['bin', 'dist']) cpSync(join(project, name), join(folder, name), { recursive: true })
  symlinkSync(realpathSync(join(project, 'node_modules')), join(folder, 'node_modules'))
  return join(folder, 'bin/mille')
}

const counting = ['sh', '-c', 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done']
const names = ['one', 'two', 'three']

/** What a user sees of the containers and what must not change. */
function look(api: TestApi): string[] {
  const format = '{{.Name}} {{.State.Status}} {{.State.Pid}} {{json .NetworkSettings.Ports}}'
  return names.map((name) => api.ok('inspect', '-f', format, name))
}

test('B-RN-1, B-RN-13: the server is killed and another release takes over: what runs goes on, and nothing is lost', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const older = await serveApi(mille, 'older.sock', copyOfCommand())
  const health = [
    '--health-cmd',
    'test -e /sound',
    '--health-interval',
    '100ms',
    '--health-start-period',
    '60s',
  ]
  for (const name of names)
    older.ok('run', '-d', '--name', name, '-p', '80', ...health, 'busybox', ...counting)
  const before = look(older)
  const client = spawn('docker', ['attach', 'one'], {
    env: { ...process.env, DOCKER_HOST: `unix://${older.socket}` },
  })
  await once(client.stdout, 'data')
  const ended = once(client, 'exit')
  await older.stop('SIGKILL')
  await ended
  rmSync(join(top, 'older'), { recursive: true })

  const api = await serveApi(mille)
  assert.deepEqual(look(api), before)
  assert.equal(api.ok('inspect', '-f', '{{.State.Health.Status}}', 'one'), 'starting')
  api.ok('exec', 'one', 'touch', '/sound')
  await until(() => api.ok('inspect', '-f', '{{.State.Health.Status}}', 'one') === 'healthy')
  const again = spawn('docker', ['attach', '--sig-proxy=false', 'one'], {
    env: { ...process.env, DOCKER_HOST: `unix://${api.socket}` },
  })
  const [line] = (await once(again.stdout, 'data')) as [Buffer]
  again.kill('SIGKILL')
  const seen = Number(line.toString().split('\n')[0])
  const waiting = api.call('POST', '/containers/one/wait')
  api.ok('kill', 'one')
  assert.equal(JSON.parse((await waiting).body).StatusCode, 137)
  const log = api.ok('logs', 'one').split('\n').map(Number)
  assert.ok(log.length > seen)
  assert.deepEqual(
    log,
    Array.from(log, (_, index) => index),
  )
  assert.equal(await api.stop(), 0)
})
