import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { createInterface } from 'node:readline/promises'
import type { Readable } from 'node:stream'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

const stats = (...args: string[]): string => mille.ok('stats', '--no-stream', ...args)

test('update changes limits of a running container at once, also of controllers it had none of, and for later starts', () => {
  mille.ok('run', '-d', '--name', 'small', '--memory', '64m', 'busybox', 'sleep', '1000')
  assert.match(stats('--format', '{{.MemUsage}}', 'small'), / \/ 64MiB$/)
  const changes = ['--memory', '32m', '--cpus', '0.5', '--cpuset-cpus', '0', '--pids-limit', '40']
  assert.equal(mille.ok('update', ...changes, 'small'), 'small')
  const kernel = (): void => {
    // the limit is read back from the kernel
    assert.match(stats('--format', '{{.MemUsage}}', 'small'), / \/ 32MiB$/)
    const allowed = mille.ok('exec', 'small', 'grep', 'Cpus_allowed_list', '/proc/1/status')
    assert.match(allowed, /:\t0$/)
  }
  kernel()
  const format =
    '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpusetCpus}} {{.HostConfig.PidsLimit}}'
  assert.equal(mille.ok('inspect', '-f', format, 'small'), '33554432 500000000 0 40')
  mille.ok('restart', '-t', '0', 'small')
  kernel()
  // memory may grow beyond what memory and swap together were
  mille.ok('update', '--memory', '256m', 'small')
  assert.match(stats('--format', '{{.MemUsage}}', 'small'), / \/ 256MiB$/)
  mille.ok('rm', '-f', 'small')
})

test("update refuses what cannot be, in Docker's words, and then changes nothing", () => {
  mille.ok('run', '-d', '--name', 'kept', '--memory', '64m', 'busybox', 'sleep', '1000')
  const refused = (words: readonly string[], message: RegExp): void => {
    const { code, err } = mille.run(['update', ...words])
    assert.equal(code, 1)
    assert.match(err, message)
  }
  refused(['kept'], /^you must provide one or more flags when using this command$/m)
  refused(['--memory', '1m', 'kept'], /Minimum memory limit allowed is 6MB/)
  refused(
    ['--cpuset-cpus', '4095', 'kept'],
    /Requested CPUs are not available - requested 4095, available: 0/,
  )
  refused(['--memory', '64m', 'nobody'], /No such container: nobody/)
  assert.equal(
    mille.ok('inspect', '-f', '{{.HostConfig.Memory}}/{{.HostConfig.CpusetCpus}}', 'kept'),
    '67108864/',
  )
  mille.ok('rm', '-f', 'kept')
})

test('stats: one table, JSON lines, zeros for what does not run, and a stream until it is interrupted', async () => {
  mille.ok('run', '-d', '--name', 'busy', 'busybox', 'sh', '-c', 'while :; do :; done')
  mille.ok('create', '--name', 'idle', 'busybox')
  assert.match(stats(), /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS\n/)
  const busy = JSON.parse(stats('--format', 'json')) as Record<string, string>
  assert.equal(busy['Name'], 'busy')
  assert.ok(Number.parseFloat(busy['CPUPerc'] ?? '') > 0, busy['CPUPerc'])
  assert.equal(busy['PIDs'], '1')
  assert.equal(
    stats('--format', '{{.Container}} {{.CPUPerc}} {{.MemUsage}} {{.NetIO}} {{.PIDs}}', 'idle'),
    'idle 0.00% 0B / 0B 0B / 0B 0',
  )
  const { code, err } = mille.run(['stats', '--no-stream', 'nobody'])
  assert.deepEqual([code, err], [1, 'Error response from daemon: No such container: nobody\n'])
  const child = mille.start('stats', '--format', '{{.Name}}')
  const ended = once(child, 'exit')
  let lines = 0
  for await (const line of createInterface(child.stdout as Readable)) {
    assert.equal(line, 'busy')
    if (++lines === 2) child.kill('SIGINT')
  }
  assert.deepEqual(await ended, [130, null])
  mille.ok('rm', '-f', 'busy', 'idle')
})
