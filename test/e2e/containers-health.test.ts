import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { killProcess } from '../support/kill-process.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { until } from '../support/until.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

interface Health {
  readonly Status: string
  readonly FailingStreak: number
  readonly Pid: number
  readonly Log: readonly { readonly ExitCode: number; readonly Output: string }[]
}

/** Asks until it is so; the test runner's limit ends what never comes. */
const health = (name: string): Health =>
  JSON.parse(mille.ok('inspect', '-f', '{{json .State.Health}}', name)) as Health
const status = (name: string): string => mille.ok('ps', '-a', '-f', `name=${name}`, '--format', '{{.Status}}')

function run(name: string, check: string, ...flags: string[]): string {
  const every = ['--health-cmd', check, '--health-interval', '50ms', '--health-retries', '2', ...flags]
  return mille.ok('run', '-d', '--name', name, ...every, 'busybox', 'sleep', '1000')
}

/** Processes that belong to the health checks of a container. */
function processes(id: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(`health-${id}`)
    } catch {
      return false
    }
  })
}

test('a container is starting, healthy and unhealthy as its probes say; ps, inspect and events show it', async () => {
  const id = run(
    'web',
    'echo said; test -e /ok',
    '--health-start-period',
    '1h',
    '--health-start-interval',
    '50ms',
  )
  assert.match(status('web'), /^Up .* \(health: starting\)$/)
  // in the start period failures are seen, but do not count
  await until(() => health('web').Log.length > 2)
  const first = health('web')
  assert.deepEqual([first.Status, first.FailingStreak], ['starting', 0])
  assert.deepEqual([first.Log[0]?.ExitCode, first.Log[0]?.Output], [1, 'said\n'])
  assert.equal(mille.ok('ps', '-q', '-f', 'health=starting'), id.slice(0, 12))
  mille.ok('exec', 'web', 'touch', '/ok')
  await until(() => health('web').Status === 'healthy')
  assert.match(status('web'), /^Up .* \(healthy\)$/)
  mille.ok('exec', 'web', 'rm', '/ok')
  await until(() => health('web').Status === 'unhealthy')
  assert.match(status('web'), /^Up .* \(unhealthy\)$/)
  assert.equal(health('web').Log.length, 5)
  const replay = ['events', '--since', '2000-01-01', '--until', '0s', '-f', 'event=health_status']
  const told = (): string => mille.ok(...replay, '--format', '{{.Action}} {{.Actor.Attributes.name}}')
  await until(() => told() === 'health_status: healthy web\nhealth_status: unhealthy web')
  // the last word stays when it has ended, and nothing of the checks is left
  mille.ok('stop', '-t', '0', 'web')
  assert.equal(health('web').Status, 'unhealthy')
  await until(() => processes(id).length === 0)
  mille.ok('rm', 'web')
})

test('the process that runs the checks is named; killed, it is replaced by the next look; it ends with the container', async () => {
  const id = run('kept', 'true', '--health-timeout', '3s')
  await until(() => health('kept').Status === 'healthy')
  const { Pid } = health('kept')
  assert.ok(processes(id).includes(String(Pid)))
  killProcess(Pid)
  await until(() => ![0, Pid].includes(health('kept').Pid))
  // what it had found out is not lost
  assert.equal(health('kept').Status, 'healthy')
  // a paused container is asked nothing
  mille.ok('pause', 'kept')
  await until(() => health('kept').Pid === 0 && processes(id).length === 0)
  mille.ok('unpause', 'kept')
  assert.notEqual(health('kept').Pid, 0)
  // with nobody looking
  killProcess(Number(mille.ok('inspect', '-f', '{{.State.Pid}}', 'kept')))
  await until(() => processes(id).length === 0)
  mille.ok('rm', 'kept')
})

test('a probe that takes too long is ended and counts as failed', async () => {
  run('slow', 'sleep 1234', '--health-timeout', '100ms')
  await until(() => health('slow').Status === 'unhealthy')
  const [probe] = health('slow').Log
  assert.deepEqual([probe?.ExitCode, probe?.Output], [-1, 'Health check exceeded timeout (100ms)\n'])
  // none of those that were ended is left in the container but the one that runs now
  await until(() => health('slow').FailingStreak > 3)
  const left = mille
    .ok('top', 'slow')
    .split('\n')
    .filter((line) => /(?<!-c )sleep 1234$/.test(line))
  assert.ok(left.length <= 1, left.join('\n'))
  mille.ok('rm', '-f', 'slow')
})

test("an image's HEALTHCHECK runs; flags change it or take it away; what cannot be is refused", async () => {
  const dockerfile = 'FROM busybox\nHEALTHCHECK --interval=50ms --retries=1 CMD ["/no/such/file"]\n'
  assert.equal(mille.run(['build', '-q', '-t', 'checked', '-'], { input: dockerfile }).code, 0)
  mille.ok('run', '-d', '--name', 'image', 'checked', 'sleep', '1000')
  mille.ok('run', '-d', '--name', 'none', '--no-healthcheck', 'checked', 'sleep', '1000')
  mille.ok('run', '-d', '--name', 'other', '--health-cmd', 'printf %5000d 1', 'checked', 'sleep', '1000')
  await until(() => health('image').Status === 'unhealthy')
  assert.match(health('image').Log[0]?.Output ?? '', /no such file/i)
  await until(() => health('other').Status === 'healthy')
  assert.equal(health('other').Log[0]?.Output.length, 4096)
  assert.equal(mille.ok('ps', '-f', 'health=none', '--format', '{{.Names}}'), 'none')
  mille.ok('rm', '-f', 'image', 'none', 'other')
  const refused = (message: string, ...flags: string[]): void => {
    const { code, err } = mille.run(['run', ...flags, 'busybox', 'true'])
    assert.equal(code, 125)
    assert.ok(err.includes(message), err)
  }
  refused('--no-healthcheck conflicts with --health-* options', '--no-healthcheck', '--health-cmd', 'x')
  refused('--health-interval cannot be negative', '--health-interval', '-1s')
  refused('Interval in Healthcheck cannot be less than 1ms', '--health-interval', '1us')
  refused('time: invalid duration "x"', '--health-timeout', 'x')
})
