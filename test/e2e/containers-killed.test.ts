import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { storeStateFolder } from '../../src/engine/state-folder.ts'
import { killProcess } from '../support/kill-process.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { umount } from '../support/umount.ts'
import { until } from '../support/until.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  mille.ok('run', '--rm', 'busybox', 'true')
})
after(() => mille[Symbol.dispose]())

/** Command lines of monitors and runtimes that work for this store. */
function processesOfStore(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
        // the keeper of logs ends by itself, ten seconds after the last monitor
        if (line.includes(' keep-logs ') || !line.includes(mille.root)) return []
        return /conmon|crun|runc/.test(line) ? [line] : []
      } catch {
        return []
      }
    })
}

/** A monitor lives as long as the command that it runs at the end. */
async function gone(when: string): Promise<void> {
  await until(
    () => processesOfStore().length === 0,
    () => `${when}: ${processesOfStore().join('\n')}`,
  )
}

const names = (...parts: readonly string[]): string[] => readdirSync(join(mille.root, ...parts))

const ticking = ['sh', '-c', 'while true; do echo tick; sleep 0.05; done']

for (const network of ['none', 'bridge']) {
  test(`kill -9 at any point of a run (network ${network}): no container, or one that starts; nothing is left`, async () => {
    for (let delay = 30; delay <= 270; delay += 30) {
      const child = mille.start('run', '-d', '--name', 'web', '--network', network, 'busybox', ...ticking)
      const closed = once(child, 'close')
      await sleep(delay)
      child.kill('SIGKILL')
      await closed
      const state = mille.ok('ps', '-a', '--format', '{{.State}}')
      assert(['', 'created', 'exited', 'running'].includes(state), `${delay} ms: ${state}`)
      if (state === '') {
        mille.ok('create', '--name', 'web', 'busybox', ...ticking)
      }
      mille.run(['start', 'web'])
      assert.equal(mille.ok('ps', '--format', '{{.Names}} {{.State}}'), 'web running', `${delay} ms`)
      mille.ok('rm', '-f', 'web')
      await gone(`${delay} ms`)
    }
    assert.deepEqual(names('containers'), [])
    assert.deepEqual(names('snapshots', 'active'), [])
  })
}

test('kill -9 between create and start of run --rm leaves nothing; without --rm the container stays as created', async () => {
  const create = async (autoRemove: boolean, toStart: boolean): Promise<void> => {
    const request = { image: 'busybox', autoRemove, env: [], mounts: [], ports: [], labels: {}, ulimits: [] }
    const rest = { extraHosts: [], dns: [], capAdd: [], capDrop: [], securityOptions: [], logOptions: {} }
    const plain = { network: 'none', logDriver: 'json-file', tty: false, openStdin: false, publishAll: false }
    const all = { ...request, ...rest, ...plain, readonlyRootfs: false, init: false, privileged: false }
    const script = `import { openEngine } from ${JSON.stringify(import.meta.resolve('../../src/engine/open-engine.ts'))}
      const engine = await openEngine({ root: ${JSON.stringify(mille.root)} })
      await engine.containers.create(${JSON.stringify(all)}, { toStart: ${toStart} })
      process.kill(process.pid, 'SIGKILL')`
    const words = ['--no-warnings', '--input-type=module', '-e', script]
    const [code, signal] = (await once(
      spawn(process.execPath, words, { stdio: 'inherit' }),
      'exit',
    )) as unknown[]
    assert.deepEqual([code, signal], [null, 'SIGKILL'])
  }
  const states = (): string => mille.ok('ps', '-a', '--format', '{{.State}}')
  await create(true, true)
  assert.equal(names('containers').length + names('snapshots', 'active').length > 0, true)
  mille.ok('create', '--name', 'next', 'busybox')
  assert.equal(names('snapshots', 'active').length, 1, 'the next container takes it away')
  mille.ok('rm', 'next')
  await create(true, true)
  assert.equal(states(), '')
  // made by `create --rm`, it waits for its start as long as that takes
  await create(true, false)
  assert.equal(states(), 'created')
  mille.ok('rm', mille.ok('ps', '-aq'))
  await create(false, true)
  assert.equal(states(), 'created')
  mille.ok('start', mille.ok('ps', '-aq'))
  mille.ok('container', 'prune', '-f')
  mille.run(['rm', '-f', ...mille.ok('ps', '-aq').split('\n').filter(Boolean)])
  assert.deepEqual(names('snapshots', 'active'), [])
})

test('a container and its log go on without mille; --rm takes it away at its end', async () => {
  const child = mille.start(
    'run',
    '--rm',
    '--name',
    'alone',
    'busybox',
    'sh',
    '-c',
    'echo 1; until [ -e /go ]; do sleep 0.05; done; echo 2',
  )
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  child.kill('SIGKILL')
  assert.equal(mille.ok('inspect', '-f', '{{.State.Running}}', 'alone'), 'true')
  const follower = mille.start('logs', '-f', 'alone')
  const log = text(follower.stdout as Readable)
  await new Promise((resolve) => follower.stdout?.once('data', resolve))
  mille.ok('exec', 'alone', 'touch', '/go')
  assert.equal(await log, '1\n2\n')
  await until(() => names('containers').length === 0)
  assert.equal(mille.ok('ps', '-aq'), '')
})

test('after a reboot: what ran has exited with 255, what had ended keeps its code, and both start again', () => {
  mille.ok('run', '-d', '--name', 'ran', '-p', '80', 'busybox', ...ticking)
  mille.run(['run', '--name', 'ended', 'busybox', 'sh', '-c', 'exit 7'])
  mille.ok('create', '--name', 'made', 'busybox', 'true')
  const pid = Number(mille.ok('inspect', '-f', '{{.State.Pid}}', 'ran'))
  // a reset: nobody is told anything, /run is empty, nothing is mounted
  const monitors = readdirSync('/proc').filter((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(`${mille.root}/containers`)
    } catch {
      return false
    }
  })
  for (const monitor of monitors) killProcess(Number(monitor))
  killProcess(pid)
  rmSync(storeStateFolder(mille.root), { recursive: true })
  umount(mille.root)
  const rows = mille
    .ok('ps', '-a', '--format', '{{.Names}} {{.Status}}')
    .replaceAll(/ (Less|About|\d+ sec).*/g, '')
  assert.equal(rows, 'made Created\nended Exited (7)\nran Exited (255)')
  assert.equal(mille.ok('start', 'ran', 'made'), 'ran\nmade')
  assert.equal(mille.ok('inspect', '-f', '{{.State.Running}}', 'ran'), 'true')
  assert.equal(mille.ok('start', '-a', 'made'), '')
  mille.ok('rm', '-f', 'ran', 'ended', 'made')
})

test('kill -9 of the monitor: the container is seen as it is, can be stopped and removed, its exit code is 255 (B-RN-3)', async () => {
  const start = async (...args: readonly string[]): Promise<void> => {
    const script = 'echo before; exec sleep 1000'
    const flags = ['--name', 'alone', '--network', 'none', ...args]
    const id = mille.ok('run', '-d', ...flags, 'busybox', 'sh', '-c', script)
    await until(() => mille.run(['logs', 'alone']).out === 'before\n')
    const folder = join(storeStateFolder(mille.root), 'containers', id)
    const monitor = Number(readFileSync(join(folder, 'conmon.pid'), 'utf8'))
    killProcess(monitor)
    await until(() => !existsSync(`/proc/${monitor}`))
  }
  const status = (): string => mille.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}')
  await start()
  assert.match(status(), /^alone Up .* \(unsupervised\)$/)
  assert.match(
    mille.ok('inspect', '-f', '{{.State.Status}} {{.State.Error}}', 'alone'),
    /^running its monitor .* was killed/,
  )
  const { out, err } = mille.run(['logs', 'alone'])
  assert.equal(out, 'before\n')
  assert.equal(err, 'mille: output was lost here: the monitor of the container was killed\n')
  assert.match(
    mille.run(['attach', 'alone']).err,
    /runs, but its monitor was killed: nothing can be attached/,
  )
  assert.equal(mille.ok('exec', 'alone', 'echo', 'hi'), 'hi')
  const follower = mille.start('logs', '-f', 'alone')
  const followed = once(follower, 'close')
  const waiter = mille.start('wait', 'alone')
  const waited = once(waiter, 'close')
  let code = ''
  waiter.stdout?.on('data', (chunk: Buffer) => (code += chunk.toString()))
  assert.equal(mille.ok('stop', '-t', '0', 'alone'), 'alone')
  assert.equal((await followed)[0], 0)
  assert.equal((await waited)[0], 0)
  assert.equal(code, '255\n')
  assert.match(status(), /^alone Exited \(255\)/)
  assert.equal(mille.ok('rm', 'alone'), 'alone')

  await start()
  assert.equal(mille.ok('rm', '-f', 'alone'), 'alone')
  // one that ends by itself goes with the next look, with --rm wholly
  await start('--rm')
  killProcess(Number(mille.ok('inspect', '-f', '{{.State.Pid}}', 'alone')))
  await until(() => status() === '')
  await gone('without its monitor')
})
