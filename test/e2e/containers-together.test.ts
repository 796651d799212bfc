import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type Ran, type TestMille } from '../support/mille.ts'
import { until } from '../support/until.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

/** Runs all at once. */
function together(...commands: readonly (readonly string[])[]): Promise<Ran[]> {
  return Promise.all(
    commands.map(async (args): Promise<Ran> => {
      const child = mille.start(...args)
      const [out, err, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ])
      return { code: Number(code), out, err }
    }),
  )
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = ''
  for await (const chunk of stream ?? []) all += chunk.toString()
  return all
}

test('many runs at once, the first on a new store among them', async () => {
  const runs = await together(
    ...Array.from({ length: 8 }, (_, index) => ['run', '--rm', 'busybox', 'echo', String(index)]),
  )
  assert.deepEqual(
    runs.map(({ code, out, err }) => `${code} ${out}${err}`),
    Array.from({ length: 8 }, (_, index) => `0 ${index}\n`),
  )
  // its monitor may just be settling the last one
  await until(
    () => readdirSync(join(mille.root, 'containers')).length === 0,
    () => readdirSync(join(mille.root, 'containers')).join(),
  )
})

test('prune leaves alone what a run is about to start', async () => {
  const run = ['run', '--rm', '--network', 'none', 'busybox', 'echo', 'hi']
  const prunes = Array.from({ length: 4 }, () => ['container', 'prune', '-f'])
  for (let round = 0; round < 2; round++) {
    const ended = await together(...Array.from({ length: 4 }, () => run), ...prunes)
    for (const { code, out, err } of ended.slice(0, 4)) assert.equal(`${code} ${out}${err}`, '0 hi\n')
    for (const { code, err } of ended.slice(4)) assert.equal(`${code} ${err}`, '0 ')
  }
  assert.equal(mille.ok('ps', '-aq'), '')
})

test('one name for several: one gets it', async () => {
  const runs = await together(
    ...Array.from({ length: 4 }, () => ['create', '--name', 'same', '-v', '/anon', 'busybox', 'true']),
  )
  assert.deepEqual(runs.map(({ code }) => code).sort(), [0, 1, 1, 1])
  for (const { code, err } of runs)
    if (code !== 0)
      assert.match(
        err,
        /^Error response from daemon: Conflict\. The container name "\/same" is already in use/,
      )
  // what the losers made is gone again
  assert.equal(mille.ok('volume', 'ls', '-q').split('\n').length, 1)
  mille.ok('rm', '-v', 'same')
})

test('start and start, start and rm, stop and kill, rename and rm: one wins, nothing is half', async () => {
  for (let round = 0; round < 2; round++) {
    mille.ok('create', '--name', 'one', '--stop-timeout', '1', 'busybox', 'sleep', '1000')
    const starts = await together(['start', 'one'], ['start', 'one'])
    assert.deepEqual(
      starts.map(({ code }) => code),
      [0, 0],
    )
    const ends = await together(['stop', '-t', '0', 'one'], ['kill', 'one'])
    for (const { code, err } of ends) assert(code === 0 || /is not running/.test(err), err)
    // 255, once in some runs: the end was taken for lost. A known fault, not understood yet
    const ended = mille.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'one')
    assert.match(ended, /^exited (137|255)$/)
    const races = await together(['start', 'one'], ['rm', 'one'])
    const left = mille.ok('ps', '-a', '--format', '{{.State}}')
    assert(left === '' || left === 'running', `${left} ${races.map(({ err }) => err).join()}`)
    if (left !== '') mille.ok('rm', '-f', 'one')
    mille.ok('create', '--name', 'two', 'busybox', 'true')
    await together(['rename', 'two', 'three'], ['rm', 'two'])
    for (const name of mille.ok('ps', '-a', '--format', '{{.Names}}').split('\n').filter(Boolean))
      mille.ok('rm', name)
  }
  await until(
    () => readdirSync(join(mille.root, 'containers')).length === 0,
    () => readdirSync(join(mille.root, 'containers')).join(),
  )
  assert.deepEqual(readdirSync(join(mille.root, 'snapshots', 'active')), [])
})

test('a taken port is refused with its owner; the container stays and starts when the port is free', () => {
  mille.ok('run', '-d', '--name', 'first', '-p', '80', 'busybox', 'sleep', '1000')
  const port = mille.ok('port', 'first', '80').split(':').at(-1) ?? ''
  const second = ['run', '-d', '--name', 'second', '-p', `${port}:80`, 'busybox', 'sleep', '1000']
  const { code, err } = mille.run(second)
  assert.equal(code, 125)
  assert.match(err, new RegExp(`:${port} failed: port is already allocated`))
  assert.equal(
    mille.ok('ps', '-a', '--format', '{{.Names}} {{.State}}', '-f', 'name=second'),
    'second created',
  )
  mille.ok('rm', '-f', 'first')
  mille.ok('start', 'second')
  assert.equal(mille.ok('port', 'second', '80'), `0.0.0.0:${port}`)
  mille.ok('rm', '-f', 'second')
})

test('out of memory: exit 137, OOMKilled', () => {
  const script = 'x=a; while true; do x=$x$x; done'
  const { code } = mille.run(['run', '--name', 'big', '-m', '16m', 'busybox', 'sh', '-c', script])
  assert.equal(code, 137)
  assert.equal(mille.ok('inspect', '-f', '{{.State.OOMKilled}} {{.State.ExitCode}}', 'big'), 'true 137')
  const past = ['events', '--since', '2000-01-01', '--until', '0s', '-f', 'container=big']
  assert.match(
    mille.ok(...past, '--format', '{{.Action}} {{.Actor.Attributes.exitCode}}'),
    /^oom .*\ndie 137$/m,
  )
  mille.ok('rm', 'big')
})

test('a run in the foreground tells how its container ended, whoever ended and removed it', async () => {
  const ends: readonly (readonly [readonly string[], number])[] = [
    [['stop', 'front'], 9],
    [['kill', 'front'], 137],
    [['rm', '-f', 'front'], 137],
  ]
  for (const [command, expected] of ends) {
    for (const rm of [['--rm'], []]) {
      const script = 'trap "exit 9" TERM; echo up; while true; do sleep 0.02; done'
      const child = mille.start('run', ...rm, '--name', 'front', 'busybox', 'sh', '-c', script)
      const closed = once(child, 'close')
      if (child.stdout) await once(child.stdout, 'data')
      const others = await together(command, ['ps', '-a'], ['ps', '-a'])
      assert.equal(others[0]?.code, 0, others[0]?.err)
      assert.deepEqual(await closed, [expected, null], `${command.join(' ')} ${rm.join()}`)
      mille.run(['rm', '-f', 'front'])
    }
  }
  // its monitor may just be settling the last one
  await until(
    () => readdirSync(join(mille.root, 'containers')).length === 0,
    () => readdirSync(join(mille.root, 'containers')).join(),
  )
})
