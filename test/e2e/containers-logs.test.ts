import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { until } from '../support/until.ts'

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

test('a log keeps its newest part, within its limit, also when mille has ended', async () => {
  const limits = ['--log-opt', 'max-size=200k', '--log-opt', 'max-file=2']
  mille.ok('run', '-d', '--name', 'long', ...limits, 'busybox', 'sh', '-c', 'seq 1 50000; sleep 1')
  const path = mille.ok('inspect', '-f', '{{.LogPath}}', 'long')
  assert.equal(mille.ok('wait', 'long'), '0')
  const kept = (): number => statSync(path).blocks * 512
  await until(
    () => kept() <= 500_000,
    () => `${kept()} bytes are kept`,
  )
  assert.ok(kept() > 350_000)
  const lines = mille.ok('logs', 'long').split('\n').map(Number)
  const first = lines[0] ?? 0
  assert.equal(first + lines.length - 1, 50_000)
  assert.ok(lines.every((line, index) => line === first + index))
  assert.equal(mille.ok('logs', '-n', '2', 'long'), '49999\n50000')
  mille.ok('rm', 'long')
})

test('a log is within its limit also when its container ended before anybody looked', () => {
  const limits = ['--log-opt', 'max-size=200k', '--log-opt', 'max-file=2']
  mille.ok('run', '-d', '--name', 'quick', ...limits, 'busybox', 'seq', '1', '50000')
  assert.equal(mille.ok('wait', 'quick'), '0')
  const path = mille.ok('inspect', '-f', '{{.LogPath}}', 'quick')
  const kept = statSync(path).blocks * 512
  assert.ok(kept > 350_000 && kept < 500_000, `${kept} bytes are kept`)
  assert.equal(mille.ok('logs', '-n', '2', 'quick'), '49999\n50000')
  mille.ok('rm', 'quick')
})

test('drivers and their options are Docker’s; what is kept is shown', () => {
  assert.equal(mille.ok('run', '--name', 'silent', '--log-driver', 'none', 'busybox', 'echo', 'hi'), 'hi')
  assert.deepEqual(mille.run(['logs', 'silent']), {
    code: 1,
    out: '',
    err: 'Error response from daemon: configured logging driver does not support reading\n',
  })
  const show = ['inspect', '-f', '{{json .HostConfig.LogConfig}}{{.LogPath}}', 'silent']
  assert.equal(mille.ok(...show), '{"Type":"none","Config":{}}')
  mille.ok('rm', 'silent')
  const local = ['--log-driver', 'local', '--log-opt', 'max-size=5m', '--log-opt', 'max-file=3']
  mille.ok('create', '--name', 'silent', ...local, 'busybox', 'true')
  assert.match(mille.ok(...show), /^{"Type":"local","Config":{"max-size":"5m","max-file":"3"}}/)
  mille.ok('rm', 'silent')
  const before = mille.ok('ps', '-aq')
  for (const [flags, message] of [
    [
      ['--log-opt', 'foo=bar'],
      "unknown log opt 'foo' for json-file log driver: there are max-size, max-file",
    ],
    [
      ['--log-opt', 'path=/etc/passwd'],
      "unknown log opt 'path' for json-file log driver: there are max-size, max-file",
    ],
    [['--log-opt', 'max-size=x'], "invalid size: 'x'"],
    [['--log-opt', 'max-size=1m', '--log-opt', 'max-file=0'], 'max-file cannot be less than 1'],
    [['--log-driver', 'none', '--log-opt', 'max-size=1m'], 'invalid logging opts for driver none'],
    [
      ['--log-driver', 'nope'],
      'error looking up logging plugin nope: plugin "nope" not found: did you mean none?',
    ],
    [['--log-driver', 'syslog'], 'logging driver syslog is not implemented yet'],
  ] as const) {
    const { code, err } = mille.run(['run', ...flags, 'busybox', 'true'])
    assert.equal(code, 125)
    assert.equal(err.split('\n', 1)[0], `mille: Error response from daemon: ${message}`)
  }
  assert.equal(mille.ok('ps', '-aq'), before)
})
