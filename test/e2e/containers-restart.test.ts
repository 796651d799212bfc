import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { until } from '../support/until.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

/** Asks until it is so; the test runner's limit ends what never comes. */
const inspect = (name: string, field: string): string => mille.ok('inspect', '-f', `{{${field}}}`, name)
const count = (name: string): number => Number(inspect(name, '.RestartCount'))

/** Processes that wait to start the container, or do. */
function revivers(name: string): number[] {
  const id = inspect(name, '.Id')
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
      return words.includes('revive') && words.includes(id) ? [Number(pid)] : []
    } catch {
      return []
    }
  })
}

test('on-failure starts a container again as often as it says; run tells the first exit code', async () => {
  const script = ['sh', '-c', 'echo ran; exit 4']
  const { code, out } = mille.run([
    'run',
    '--name',
    'twice',
    '--restart',
    'on-failure:2',
    'busybox',
    ...script,
  ])
  assert.deepEqual([code, out], [4, 'ran\n'])
  await until(() => count('twice') === 2 && inspect('twice', '.State.Status') === 'exited')
  assert.equal(inspect('twice', '.State.ExitCode'), '4')
  assert.equal(mille.ok('logs', 'twice'), 'ran\nran\nran')
  const policy = '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}'
  assert.equal(mille.ok('inspect', '-f', policy, 'twice'), 'on-failure:2')
  const past = ['events', '--since', '2000-01-01', '--until', '0s', '-f', 'container=twice']
  const events = mille.ok(...past, '--format', '{{.Action}}').split('\n')
  assert.equal(events.filter((action) => action === 'start').length, 3)
  assert.equal(events.filter((action) => action === 'die').length, 3)
  mille.ok('rm', 'twice')
})

test('B-RN-14 while it waits it is restarting: shown so, not removed without force; stop ends it for good', async () => {
  mille.ok('run', '-d', '--name', 'loop', '--restart', 'always', 'busybox', 'sh', '-c', 'exit 3')
  await until(() =>
    mille.run(['rm', 'loop']).err.includes('container is restarting: stop the container before'),
  )
  await until(() => /Restarting \(3\) /.test(mille.ok('ps', '--format', '{{.Status}}')))
  await until(() =>
    mille.run(['exec', 'loop', 'true']).err.includes('is restarting, wait until the container is'),
  )
  mille.ok('stop', 'loop')
  assert.equal(inspect('loop', '.State.Status'), 'exited')
  await until(() => revivers('loop').length === 0)
  assert.equal(inspect('loop', '.State.Status'), 'exited')
  // a user's start begins a new count
  mille.ok('start', 'loop')
  await until(() => count('loop') > 0)
  mille.ok('rm', '-f', 'loop')
})

test('when whoever was to start it is killed, the next look at the container has it started', async () => {
  mille.ok('run', '-d', '--name', 'orphan', '--restart', 'always', 'busybox', 'sh', '-c', 'exit 3')
  await until(() => count('orphan') > 1)
  await until(() => {
    const found = revivers('orphan')
    for (const pid of found) killQuietly(pid)
    return found.length > 0
  })
  const before = count('orphan')
  await until(() => count('orphan') > before)
  mille.ok('rm', '-f', 'orphan')
})

test('killed with its monitor, as a power cut does it, it runs again with the next command; one without a policy is exited 255', async () => {
  for (const [name, policy] of [
    ['kept', 'unless-stopped'],
    ['lost', 'no'],
  ] as const) {
    mille.ok('run', '-d', '--name', name, '--restart', policy, 'busybox', 'sleep', '1000')
    const pid = Number(inspect(name, '.State.Pid'))
    const monitor = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
    killQuietly(monitor)
    killQuietly(pid)
  }
  await until(() => inspect('kept', '.State.Status') === 'running')
  assert.equal(count('kept'), 1)
  assert.equal(inspect('lost', '.State.ExitCode'), '255')
  mille.ok('rm', '-f', 'kept', 'lost')
})

test('what a user stops stays so; resume starts it when its policy is always, as after a reboot', () => {
  for (const policy of ['always', 'unless-stopped', 'no']) {
    mille.ok('run', '-d', '--name', policy, '--restart', policy, 'busybox', 'sleep', '1000')
  }
  mille.ok('stop', '-t', '0', 'always', 'unless-stopped')
  mille.ok('kill', 'no')
  assert.equal(mille.ok('ps', '-q'), '')
  assert.equal(mille.ok('container', 'resume'), 'always')
  assert.equal(mille.ok('ps', '--format', '{{.Names}}'), 'always')
  mille.ok('rm', '-f', 'always', 'unless-stopped', 'no')
})

test("mille serve starts what policies want, as Docker's daemon does", async () => {
  mille.ok('run', '-d', '--name', 'served', '--restart', 'always', 'busybox', 'sleep', '1000')
  mille.ok('stop', '-t', '0', 'served')
  const server = mille.start('serve', '--host', `unix://${mille.root}/api.sock`)
  const ended = once(server, 'exit')
  await until(() => inspect('served', '.State.Status') === 'running')
  server.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
  assert.equal(inspect('served', '.State.Status'), 'running')
  mille.ok('rm', '-f', 'served')
})

test("update sets a policy; what cannot be is refused in Docker's words", () => {
  mille.ok('run', '-d', '--name', 'given', 'busybox', 'sleep', '1000')
  mille.ok('update', '--restart', 'unless-stopped', 'given')
  assert.equal(inspect('given', '.HostConfig.RestartPolicy.Name'), 'unless-stopped')
  mille.ok('rm', '-f', 'given')
  const refused = (expected: number, message: string, ...words: string[]): void => {
    const { code, err } = mille.run([...words, 'busybox', 'true'])
    assert.equal(code, expected)
    assert.ok(err.includes(message), err)
  }
  refused(
    125,
    'conflicting options: cannot specify both --restart and --rm',
    'run',
    '--rm',
    '--restart',
    'always',
  )
  refused(125, "maximum retry count can only be used with 'on-failure'", 'run', '--restart', 'always:3')
  refused(125, 'maximum retry count must be an integer', 'run', '--restart', 'on-failure:x')
  refused(125, 'maximum retry count cannot be negative', 'run', '--restart', 'on-failure:-1')
  refused(125, "unknown policy 'maybe'; use one of 'no', 'always'", 'run', '--restart', 'maybe')
  assert.equal(mille.ok('ps', '-aq'), '')
})

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it ended by itself
  }
}
