import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isMounted } from '../../src/linux/unmount-below.ts'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
const top = mkdtempSync(join(tmpdir(), 'mille-volumes-'))
const daemon = 'Error response from daemon: '

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => {
  mille[Symbol.dispose]()
  rmSync(top, { recursive: true })
})

const tmpfs = ['-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m,uid=1000,mode=700']
const run = (...args: readonly string[]): string => mille.ok('run', '--rm', ...args)

function refused(...args: readonly string[]): string {
  const { code, err } = mille.run(args)
  assert.notEqual(code, 0)
  return (err.split('\n', 1)[0] ?? '').replace(/^mille: /, '').replace(daemon, '')
}

test('a volume of a file system is mounted while containers have it', () => {
  mille.ok('volume', 'create', ...tmpfs, 'memory')
  const options = mille.ok('volume', 'inspect', '-f', '{{json .Options}}', 'memory')
  assert.deepEqual(JSON.parse(options), { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=1000,mode=700' })
  const path = mille.ok('volume', 'inspect', '-f', '{{.Mountpoint}}', 'memory')
  assert.equal(isMounted(path), false)
  mille.ok('run', '-d', '--name', 'one', '-v', 'memory:/m', 'busybox', 'sleep', '1000')
  mille.ok('run', '-d', '--name', 'two', '-v', 'memory:/m', 'busybox', 'sleep', '1000')
  mille.ok('exec', 'one', 'sh', '-c', 'echo seen > /m/file')
  assert.equal(mille.ok('exec', 'two', 'cat', '/m/file'), 'seen')
  assert.match(mille.ok('exec', 'two', 'ls', '-ldn', '/m'), /^drwx------ .* 1000 /)
  mille.ok('rm', '-f', 'one')
  assert.equal(isMounted(path), true)
  assert.equal(mille.ok('exec', 'two', 'cat', '/m/file'), 'seen')
  mille.ok('stop', '-t', '0', 'two')
  assert.equal(isMounted(path), false)
  // a new start is a new file system
  mille.ok('start', 'two')
  assert.equal(mille.ok('exec', 'two', 'ls', '/m'), '')
  mille.ok('rm', '-f', 'two')
  mille.ok('volume', 'rm', 'memory')
  assert.equal(isMounted(path), false)
})

test('a volume that is a folder of the host: filled when empty, read-only when wanted, never emptied', () => {
  const folder = join(top, 'host')
  mkdirSync(folder)
  const bind = (o: string): readonly string[] => ['-o', 'type=none', '-o', `device=${folder}`, '-o', `o=${o}`]
  mille.ok('volume', 'create', ...bind('bind'), 'host')
  run('-v', 'host:/etc', 'busybox', 'true')
  assert.ok(readdirSync(folder).includes('passwd'))
  run('-v', 'host:/etc', 'busybox', 'sh', '-c', 'echo mine > /etc/passwd')
  assert.equal(readFileSync(join(folder, 'passwd'), 'utf8'), 'mine\n')
  mille.ok('create', '--name', 'idle', '-v', 'host:/data', 'busybox', 'true')
  mille.ok('cp', 'idle:/data/passwd', join(top, 'copy'))
  assert.equal(readFileSync(join(top, 'copy'), 'utf8'), 'mine\n')
  mille.ok('rm', 'idle')
  mille.ok('volume', 'rm', 'host')
  assert.equal(readFileSync(join(folder, 'passwd'), 'utf8'), 'mine\n')
  mille.ok('volume', 'create', ...bind('bind,ro'), 'shown')
  assert.match(
    mille.run(['run', '--rm', '-v', 'shown:/data', 'busybox', 'touch', '/data/x']).err,
    /Read-only file system/,
  )
  mille.ok('volume', 'create', ...bind('bind,noexec'), 'still')
  assert.match(run('-v', 'still:/data', 'busybox', 'mount'), /on \/data type .*noexec/)
  mille.ok('volume', 'prune', '-af')
  assert.equal(readFileSync(join(folder, 'passwd'), 'utf8'), 'mine\n')
})

test('options that cannot be are refused in Docker’s words, and what the kernel refuses is said', () => {
  const create = (...options: readonly string[]): string =>
    refused('volume', 'create', ...options.flatMap((option) => ['-o', option]), 'never')
  assert.equal(create('foo=bar'), 'create never: invalid option: "foo"')
  assert.equal(create('type=tmpfs'), 'create never: missing required option: "device"')
  assert.equal(create('device=tmpfs'), 'create never: missing required option: "type"')
  assert.equal(create('size=10m'), 'create never: quota size requested but no quota support')
  assert.equal(
    refused('volume', 'create', 'a'),
    'create a: volume name is too short, names should be at least two alphanumeric characters',
  )
  mille.ok('volume', 'create', '-o', 'type=none', '-o', 'o=bind', '-o', `device=${top}/nope`, 'missing')
  const path = mille.ok('volume', 'inspect', '-f', '{{.Mountpoint}}', 'missing')
  assert.equal(
    refused('run', '--rm', '-v', 'missing:/m', 'busybox', 'true'),
    `error while mounting volume '${path}': failed to mount local volume: mount ${top}/nope:${path}, flags: 0x1000: no such file or directory`,
  )
  mille.ok('volume', 'create', '-o', 'type=nofs', '-o', 'o=addr=192.0.2.1', '-o', 'device=:/x', 'far')
  assert.match(
    refused('run', '--rm', '-v', 'far:/m', 'busybox', 'true'),
    /mount :\/x:.*, data: addr=192\.0\.2\.1: no such device$/,
  )
  assert.equal(mille.ok('ps', '-aq'), '')
  mille.ok('volume', 'rm', 'missing', 'far')
})

test('prune takes what its filters say', () => {
  for (const [name, label] of [
    ['red', 'colour=red'],
    ['blue', 'colour=blue'],
  ] as const)
    mille.ok('volume', 'create', '--label', label, name)
  const left = (...flags: readonly string[]): string => {
    mille.ok('volume', 'prune', '-f', ...flags)
    return mille.ok('volume', 'ls', '-q', '--filter', 'label=colour')
  }
  assert.equal(left(), 'blue\nred')
  assert.equal(left('--filter', 'all=1', '--filter', 'label!=colour'), 'blue\nred')
  assert.equal(left('-a', '--filter', 'label!=colour=red'), 'red')
  assert.equal(left('--filter', 'all=true', '--filter', 'label=colour=red'), '')
})

test('--mount makes a volume with options and labels', () => {
  const mount = 'type=volume,src=made,dst=/m,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-label=a=b'
  assert.match(run('--mount', mount, 'busybox', 'mount'), /^tmpfs on \/m type tmpfs/m)
  const shown = mille.ok('volume', 'inspect', '-f', '{{json .Options}} {{json .Labels}}', 'made')
  assert.equal(shown, '{"type":"tmpfs","device":"tmpfs"} {"a":"b"}')
  assert.match(
    refused('run', '--mount', 'type=bind,src=/tmp,dst=/m,volume-nocopy', 'busybox'),
    /cannot mix 'volume-\*' options with mount type 'bind'/,
  )
  assert.match(refused('run', '--rm', '--volumes-from', 'x:foo', 'busybox', 'true'), /invalid mode: foo/)
})

test('a subpath is looked up at each start, in the volume and nowhere else', () => {
  const sub = (path: string): string => `type=volume,src=tree,dst=/m,volume-subpath=${path}`
  mille.ok('volume', 'create', 'tree')
  run(
    '-v',
    'tree:/v',
    'busybox',
    'sh',
    '-c',
    'mkdir /v/sub; echo in > /v/sub/file; ln -s sub /v/near; ln -s /etc /v/far',
  )
  assert.equal(run('--mount', sub('sub'), 'busybox', 'cat', '/m/file'), 'in')
  assert.equal(run('--mount', sub('sub/file'), 'busybox', 'cat', '/m'), 'in')
  assert.equal(run('--mount', sub('near'), 'busybox', 'cat', '/m/file'), 'in')
  run('--mount', sub('sub'), 'busybox', 'sh', '-c', 'echo out > /m/file')
  assert.equal(run('-v', 'tree:/v', 'busybox', 'cat', '/v/sub/file'), 'out')
  for (const path of ['../sub', '/sub'])
    assert.match(
      refused('create', '--mount', sub(path), 'busybox'),
      /invalid mount config for type "volume": subpath must be a relative path within the volume$/,
    )
  for (const path of ['nope', 'far'])
    assert.match(
      refused('run', '--rm', '--mount', sub(path), 'busybox', 'ls', '/m'),
      /cannot access path .*_data/,
    )
  // a link that is put in the place of the folder after the container was made
  mille.ok('create', '--name', 'waits', '--mount', sub('sub'), 'busybox', 'ls', '/m')
  const path = mille.ok('volume', 'inspect', '-f', '{{.Mountpoint}}', 'tree')
  rmSync(join(path, 'sub'), { recursive: true })
  mkdirSync(join(top, 'secret'))
  writeFileSync(join(top, 'secret', 'key'), '')
  symlinkSync(join(top, 'secret'), join(path, 'sub'))
  const { code, out } = mille.run(['start', '-a', 'waits'])
  assert.notEqual(code, 0)
  assert.doesNotMatch(out, /key/)
  mille.ok('rm', 'waits')
})
