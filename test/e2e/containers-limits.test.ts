import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createInterface } from 'node:readline/promises'
import type { Readable } from 'node:stream'
import { readText } from '../../src/util/read-text.ts'
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

/** A limit as the kernel has it, of a container that runs; the control group by the name of the first version and the second. */
function kernelLimit(name: string, controller: string, files: readonly [v1: string, v2: string]): string {
  const pid = mille.ok('inspect', '-f', '{{.State.Pid}}', name)
  const groups = readText(`/proc/${pid}/cgroup`).split('\n')
  const isOld = existsSync(`/sys/fs/cgroup/${controller}`)
  const line = groups.find((one) =>
    isOld ? one.split(':')[1]?.split(',').includes(controller) : one.startsWith('0::'),
  )
  const folder = `/sys/fs/cgroup/${isOld ? controller : ''}${line?.split(':')[2] ?? ''}`
  return readText(join(folder, files[isOld ? 0 : 1])).trim()
}

test('soft memory limit, swappiness, period and quota, memory nodes: in the kernel, in inspect, and update', () => {
  const flags = [
    '-m',
    '64m',
    '--memory-reservation',
    '32m',
    '--memory-swappiness',
    '10',
    '--cpuset-mems',
    '0',
  ]
  const time = ['--cpu-period', '50000', '--cpu-quota', '25000', '--userns', 'host']
  mille.ok('run', '-d', '--name', 'soft', '--network', 'none', ...flags, ...time, 'busybox', 'sleep', '1000')
  const soft = (): string => kernelLimit('soft', 'memory', ['memory.soft_limit_in_bytes', 'memory.low'])
  const quota = (): string => kernelLimit('soft', 'cpu', ['cpu.cfs_quota_us', 'cpu.max']).split(' ')[0] ?? ''
  assert.deepEqual([soft(), quota()], [String(32 * 2 ** 20), '25000'])
  assert.equal(kernelLimit('soft', 'cpuset', ['cpuset.mems', 'cpuset.mems']), '0')
  if (existsSync('/sys/fs/cgroup/memory'))
    assert.equal(kernelLimit('soft', 'memory', ['memory.swappiness', '']), '10')
  const fields = [
    'MemoryReservation',
    'MemorySwappiness',
    'CpuPeriod',
    'CpuQuota',
    'CpusetMems',
    'UsernsMode',
  ]
  const format = [...fields, 'NanoCpus'].map((field) => `{{.HostConfig.${field}}}`).join(' ')
  assert.equal(mille.ok('inspect', '-f', format, 'soft'), '33554432 10 50000 25000 0 host 0')
  mille.ok('update', '--memory-reservation', '16m', '--cpu-quota', '30000', 'soft')
  assert.deepEqual([soft(), quota()], [String(16 * 2 ** 20), '30000'])
  const { code, err } = mille.run(['update', '--cpus', '0.5', 'soft'])
  assert.equal(code, 1)
  assert.match(err, /Conflicting options: Nano CPUs and CPU Period cannot both be set/)
  mille.ok('rm', '-f', 'soft')
})

test("limits that contradict each other or the kernel are refused in Docker's words", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['-m 32m --memory-reservation 64m', /Minimum memory limit can not be less than memory reservation limit/],
    ['--memory-reservation 1m', /Minimum memory reservation allowed is 6MB/],
    ['--memory-swappiness 101', /Invalid value: 101, valid memory swappiness range is 0-100/],
    ['--cpus 0.5 --cpu-period 50000', /Nano CPUs and CPU Period cannot both be set/],
    ['--cpus 0.5 --cpu-quota 50000', /Nano CPUs and CPU Quota cannot both be set/],
    ['--cpu-period 10', /CPU cfs period can not be less than 1ms \(i\.e\. 1000\) or larger than 1s/],
    ['--cpu-quota 10', /CPU cfs quota can not be less than 1ms/],
    ['--cpuset-mems x', /Invalid value x for cpuset mems/],
    ['--cpuset-mems 4095', /Requested memory nodes are not available - requested 4095, available: 0/],
    ['--userns nope', /invalid USER mode: nope/],
  ]
  for (const [flags, message] of refused) {
    const { code, err } = mille.run(['create', ...flags.split(' '), 'busybox'])
    assert.equal(code, 1, flags)
    assert.match(err, message)
  }
  assert.equal(mille.ok('ps', '-aq'), '')
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
