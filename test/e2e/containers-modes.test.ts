import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { unmountBelow } from '../../src/linux/unmount-below.ts'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
const top = mkdtempSync(join(tmpdir(), 'mille-modes-'))

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => {
  mille[Symbol.dispose]()
  unmountBelow(top)
  rmSync(top, { recursive: true })
})

const run = (...args: readonly string[]): string => mille.ok('run', '--rm', ...args)

function refused(...args: readonly string[]): string {
  const { code, err } = mille.run(['run', '--rm', ...args, 'busybox', 'true'])
  assert.equal(code, 125)
  return (err.split('\n', 1)[0] ?? '').replace(/^mille: /, '').replace('Error response from daemon: ', '')
}

test('a container that shares its IPC is joined: namespace and /dev/shm are one', () => {
  const donor = mille.ok(
    'run',
    '-d',
    '--name',
    'donor',
    '--ipc',
    'shareable',
    '--shm-size',
    '2m',
    'busybox',
    'sleep',
    '1000',
  )
  mille.ok('exec', 'donor', 'sh', '-c', 'echo here > /dev/shm/note')
  const own = mille.ok('exec', 'donor', 'readlink', '/proc/self/ns/ipc')
  const look =
    'readlink /proc/self/ns/ipc; cat /dev/shm/note; df -k /dev/shm | tail -1; mount | grep "on /dev/shm"'
  const lines = run('--ipc', 'container:donor', 'busybox', 'sh', '-c', look).split('\n')
  assert.deepEqual(lines.slice(0, 2), [own, 'here'])
  assert.match(lines[2] ?? '', /^shm +2048 /)
  assert.match(lines[3] ?? '', /nosuid,nodev,noexec/)
  mille.ok('create', '--name', 'guest', '--ipc', 'container:donor', 'busybox', 'true')
  assert.equal(mille.ok('inspect', '-f', '{{.HostConfig.IpcMode}}', 'guest'), `container:${donor}`)
  mille.ok('stop', '-t', '0', 'donor')
  assert.match(
    mille.run(['start', 'guest']).err,
    new RegExp(`failed to join IPC namespace: container ${donor} is not running`),
  )
  // the memory goes with its container
  mille.ok('start', 'donor')
  assert.equal(mille.ok('exec', 'donor', 'ls', '/dev/shm'), '')
  mille.ok('rm', '-f', 'donor')
  const alone = mille.ok('run', '-d', '--name', 'alone', 'busybox', 'sleep', '1000')
  assert.equal(
    refused('--ipc', 'container:alone'),
    `failed to join IPC namespace: container ${alone}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  )
  assert.match(refused('--ipc', 'container:nope'), /^No such container: nope/)
  assert.equal(refused('--ipc', 'foo'), 'invalid IPC mode: foo')
})

test('a bind mount with or without what is mounted below its source', () => {
  const source = join(top, 'tree')
  mkdirSync(join(source, 'below'), { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(source, 'below')])
  writeFileSync(join(source, 'below', 'file'), '')
  const list = (more: string): string =>
    run('--mount', `type=bind,src=${source},dst=/m${more}`, 'busybox', 'ls', '/m/below')
  assert.equal(list(''), 'file')
  assert.equal(list(',bind-recursive=disabled'), '')
  assert.equal(list(',bind-nonrecursive'), '')
})

test('propagation is refused where the mount of the host does not let it through', () => {
  const [apart, joined] = [join(top, 'apart'), join(top, 'joined')]
  for (const [path, kind] of [
    [apart, '--make-private'],
    [joined, '--make-shared'],
  ] as const) {
    mkdirSync(path)
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', path])
    execFileSync('mount', [kind, path])
  }
  assert.equal(
    refused('-v', `${apart}:/m:rshared`),
    `path ${apart} is mounted on ${apart} but it is not a shared mount`,
  )
  assert.equal(
    refused('-v', `${apart}:/m:rslave`),
    `path ${apart} is mounted on ${apart} but it is not a shared or slave mount`,
  )
  const tags = (mode: string): string =>
    run('-v', `${joined}:/m:${mode}`, 'busybox', 'sh', '-c', 'grep " /m " /proc/self/mountinfo')
  assert.match(tags('rshared'), / shared:\d+ /)
  assert.match(tags('rslave'), / master:\d+ /)
})

test('flags that name what is there anyway are taken, others are refused in Docker’s words', () => {
  run('--runtime', 'runc', '--isolation', 'default', '--volume-driver', 'local', 'busybox', 'true')
  assert.match(refused('--runtime', 'nope'), /unknown or invalid runtime name: nope/)
  assert.match(
    refused('--isolation', 'hyperv'),
    /invalid isolation \(hyperv\): linux only supports 'default'/,
  )
  assert.match(
    refused('--volume-driver', 'far'),
    /error looking up volume plugin far: plugin "far" not found/,
  )
  assert.match(refused('--gpus', 'all'), /could not select device driver "" with capabilities: \[\[gpu\]\]/)
  assert.match(refused('--device', 'vendor.com/gpu=0'), /unresolvable CDI devices vendor\.com\/gpu=0/)
  assert.match(refused('--mount', 'type=tmpfs,dst=/x,tmpfs-mode=99'), /invalid value for tmpfs-mode: 99/)
})

test('rates of block devices reach the kernel', (context) => {
  const name = readdirSync('/sys/block').find((one) => existsSync(`/dev/${one}`))
  if (name === undefined || !existsSync('/sys/fs/cgroup/blkio')) {
    context.skip('no block device, or no first version of the controller')
    return
  }
  const rates = ['--device-read-bps', `/dev/${name}:1mb`, '--device-write-iops', `/dev/${name}:120`]
  const id = mille.ok('run', '-d', '--name', 'slow', ...rates, 'busybox', 'sleep', '1000')
  const shown = '{{json .HostConfig.BlkioDeviceReadBps}} {{json .HostConfig.BlkioDeviceWriteIOps}}'
  assert.equal(
    mille.ok('inspect', '-f', shown, 'slow'),
    `[{"Path":"/dev/${name}","Rate":1048576}] [{"Path":"/dev/${name}","Rate":120}]`,
  )
  const number = readFileSync(`/sys/block/${name}/dev`, 'utf8').trim()
  const set = (file: string): string =>
    readFileSync(`/sys/fs/cgroup/blkio/mille/${id}/blkio.throttle.${file}`, 'utf8')
  assert.equal(set('read_bps_device'), `${number} 1048576\n`)
  assert.equal(set('write_iops_device'), `${number} 120\n`)
  mille.ok('rm', '-f', 'slow')
})

test('rates that are none are refused', () => {
  assert.match(refused('--device-read-bps', 'foo'), /flag: bad format: foo$/)
  assert.match(refused('--device-read-iops', '/dev/x:many'), /invalid rate for device: \/dev\/x:many/)
})
