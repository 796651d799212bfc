import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { storeStateFolder } from '../../src/engine/state-folder.ts'
import { readIfThere, readText } from '../../src/util/read-text.ts'
import { testMille, type TestMille } from '../support/mille.ts'

// flags of `run` that go into the runtime's document: each is looked at from inside

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

const run = (flags: readonly string[], script: string): string =>
  mille.ok('run', '--rm', '--network', 'none', ...flags, 'busybox', 'sh', '-c', script)

/** The first line of the message; nothing is left of the container. */
function refused(...flags: readonly string[]): string {
  const { code, err } = mille.run(['run', '--rm', ...flags, 'busybox', 'true'])
  assert.equal(code, 125, err)
  assert.equal(mille.ok('ps', '-aq'), '')
  return err.split('\n', 1)[0]?.replace('mille: Error response from daemon: ', '') ?? ''
}

test('settings of the kernel, groups, priority for the out-of-memory killer; exec has the groups too', () => {
  const flags = ['--sysctl', 'net.ipv4.ip_unprivileged_port_start=7', '--sysctl', 'kernel.shmall=99']
  const groups = ['--group-add', '5000', '--group-add', 'daemon', '-u', '1000:5']
  const files =
    '/proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmall /proc/self/oom_score_adj'
  assert.equal(
    run([...flags, ...groups, '--oom-score-adj', '500'], `cat ${files}; id -G`),
    '7\n99\n500\n5 1 5000',
  )
  const id = mille.ok('run', '-d', '--network', 'none', ...groups, 'busybox', 'sleep', '100')
  assert.equal(mille.ok('exec', id, 'id', '-G'), '5 1 5000')
  mille.ok('rm', '-f', id)
  assert.equal(
    refused('--sysctl', 'vm.swappiness=1'),
    `invalid argument "vm.swappiness=1" for "--sysctl" flag: sysctl 'vm.swappiness=1' is not allowed`,
  )
  assert.match(
    refused('--network', 'host', '--sysctl', 'net.a=1'),
    /"net.a" is not allowed in the network namespace of the host$/,
  )
  assert.match(
    refused('--ipc', 'host', '--sysctl', 'kernel.sem=1'),
    /"kernel.sem" is not allowed in the ipc namespace of the host$/,
  )
  assert.equal(refused('--group-add', 'nope'), 'unable to find group nope: no matching entries in group file')
  assert.equal(
    refused('--oom-score-adj', '1001'),
    'Invalid value 1001, range for oom score adj is [-1000, 1000]',
  )
})

test('devices: the node is there and may be used as far as was said, others may not', () => {
  const device = ['/dev/fuse', '/dev/loop-control', '/dev/net/tun'].find((path) => existsSync(path)) ?? ''
  const numbers = execFileSync('stat', ['-c', '%Hr %Lr', device], { encoding: 'utf8' }).trim().split(' ')
  const open = (path: string): string => `head -c0 ${path} 2>/dev/null && echo opened || echo refused`
  const given = run(['--device', `${device}:/dev/x:rw`], `ls -l /dev/x | cut -c1; ${open('/dev/x')}`)
  assert.equal(given, 'c\nopened')
  assert.equal(run(['--device', `${device}:w`], open(device)), 'refused')
  const folder = join(mille.root, 'nodes')
  mkdirSync(folder)
  execFileSync('mknod', [join(folder, 'one'), 'c', ...numbers])
  assert.equal(run(['--device', `${folder}:/nodes`], open('/nodes/one')), 'opened')
  const make = `mknod /dev/y c ${numbers.join(' ')}; ${open('/dev/y')}`
  assert.equal(run([], make), 'refused')
  assert.equal(run(['--device-cgroup-rule', `c ${numbers[0]}:* rwm`], make), 'opened')
  const gathering = 'error gathering device information while adding custom device'
  assert.equal(refused('--device', '/dev/nope'), `${gathering} "/dev/nope": no such file or directory`)
  assert.equal(refused('--device', '/etc/passwd'), `${gathering} "/etc/passwd": not a device node`)
  assert.match(refused('--device', '/dev/null:x'), /flag: x is not an absolute path$/)
  assert.match(refused('--device', '/dev/null:/x:rr'), /flag: bad mode specified: rr$/)
  assert.match(refused('--device', 'nvidia.com/gpu=all'), /unresolvable CDI devices nvidia\.com\/gpu=all/)
  assert.match(refused('--device-cgroup-rule', 'c 1 r'), /flag: invalid device cgroup format 'c 1 r'$/)
})

test('namespaces of the host, where they are asked for', () => {
  const own = (name: string): string => readlinkSync(`/proc/self/ns/${name}`)
  const see =
    'readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts; df /dev/shm >/dev/null 2>&1 && echo shm || echo none; ls /dev/shm 2>/dev/null; true'
  const name = `mille-test-${process.pid}`
  writeFileSync(join('/dev/shm', name), '')
  try {
    const [ipc, uts, memory, ...files] = run(['--ipc', 'host', '--uts', 'host'], see).split('\n')
    assert.deepEqual([ipc, uts, memory], [own('ipc'), own('uts'), 'shm'])
    assert.ok(files.includes(name))
  } finally {
    rmSync(join('/dev/shm', name))
  }
  const [ipc, uts, memory] = run(['--ipc', 'none'], see).split('\n')
  assert.notDeepEqual([ipc, uts], [own('ipc'), own('uts')])
  assert.equal(memory, 'none')
  assert.equal(run(['--uts', 'host'], 'hostname; echo $HOSTNAME'), `${hostname()}\n${hostname()}`)
  assert.notEqual(run(['--cgroupns', 'private'], 'readlink /proc/self/ns/cgroup'), own('cgroup'))
  assert.equal(run(['--cgroupns', 'host'], 'readlink /proc/self/ns/cgroup'), own('cgroup'))
  assert.equal(refused('--ipc', 'nope'), 'invalid IPC mode: nope')
  assert.equal(refused('--uts', 'host', '-h', 'x'), 'conflicting options: hostname and the UTS mode')
})

test('a PID namespace of the host or of another container; what a process leaves there ends with the container', () => {
  mille.ok('run', '-d', '--name', 'first', '--network', 'none', 'busybox', 'sleep', '1000')
  const pid = mille.ok('inspect', '-f', '{{.State.Pid}}', 'first')
  const namespace = (one: string): string => readlinkSync(`/proc/${one}/ns/pid`)
  const see = 'readlink /proc/self/ns/pid; tr "\\0" " " </proc/1/cmdline'
  assert.equal(run(['--pid', 'container:first'], see), `${namespace(pid)}\nsleep 1000`)
  assert.equal(run(['--pid', 'host'], 'readlink /proc/self/ns/pid'), namespace('self'))
  // Docker keeps the ID
  const id = mille.ok('inspect', '-f', '{{.Id}}', 'first')
  const second = mille.ok('create', '--pid', 'container:first', '--network', 'none', 'busybox', 'true')
  assert.equal(mille.ok('inspect', '-f', '{{.HostConfig.PidMode}}', second), `container:${id}`)
  const left = (mode: string): string => {
    const child = run(['--pid', mode], 'sleep 1000 >/dev/null 2>&1 & echo $!')
    const inside = mode === 'host' ? `/proc/${child}` : `/proc/${pid}/root/proc/${child}`
    return readIfThere(`${inside}/cmdline`)
  }
  assert.deepEqual([left('host'), left('container:first')], ['', ''])
  mille.ok('rm', '-f', 'first')
  const { code, err } = mille.run(['start', second])
  assert.equal(code, 1)
  assert.match(err, /No such container/)
  mille.ok('rm', second)
  const stopped = mille.ok('create', 'busybox', 'true')
  const joining = mille.run(['run', '--rm', '--pid', `container:${stopped}`, 'busybox', 'true'])
  assert.equal(joining.code, 125)
  assert.match(joining.err, new RegExp(`failed to join PID namespace: container ${stopped} is not running`))
  mille.ok('rm', stopped)
  assert.equal(refused('--pid', 'nope'), '--pid: invalid PID mode')
  assert.match(refused('--pid', 'container:nobody'), /^No such container: nobody/)
})

test('names: domain, search domains and resolver options cannot add lines', () => {
  const flags = ['-h', 'web', '--domainname', 'example.org']
  const resolver = ['--dns-search', 'a.example', '--dns-search', 'b.example', '--dns-option', 'ndots:3']
  const script =
    'cat /proc/sys/kernel/domainname; hostname -f; grep -o "web.*" /etc/hosts; grep -v nameserver /etc/resolv.conf'
  const seen = mille.ok('run', '--rm', ...flags, ...resolver, 'busybox', 'sh', '-c', script).split('\n')
  assert.deepEqual(seen.slice(0, 3), ['example.org', 'web.example.org', 'web.example.org web'])
  assert.deepEqual(seen.slice(-2), ['search a.example b.example', 'options ndots:3'])
  assert.match(refused('--domainname', 'a\nb'), /^invalid domain name: "a\\nb"$/)
  assert.match(refused('--dns-search', 'a\nnameserver 6.6.6.6'), /^bad DNS search domain or option: "a\\n/)
})

test('a negative number means something to many flags, and nothing to those of health checks', () => {
  const flags = ['--pids-limit', '-1', '-m', '64m', '--memory-swap', '-1', '--stop-timeout', '-1']
  assert.equal(run(flags, 'echo ran'), 'ran')
  assert.equal(refused('--health-retries', '-1'), 'mille: --health-retries cannot be negative')
})

test('annotations reach the runtime, inspect shows what was asked for', () => {
  const annotations = ['--annotation', 'org.example=yes', '--annotation', 'empty']
  const others = ['--device', '/dev/zero', '--expose', '8080-8081/udp', '--group-add', '7']
  const id = mille.ok('run', '-d', '--network', 'none', ...annotations, ...others, 'busybox', 'sleep', '100')
  const document = join(storeStateFolder(mille.root), 'containers', id, 'bundle/config.json')
  const runtime = JSON.parse(readText(document)) as { readonly annotations: Record<string, string> }
  assert.equal(runtime.annotations['org.example'], 'yes')
  const show = (template: string): unknown =>
    JSON.parse(mille.ok('inspect', '-f', `{{json ${template}}}`, id))
  assert.deepEqual(show('.HostConfig.Annotations'), { 'org.example': 'yes', empty: '' })
  assert.deepEqual(show('.HostConfig.Devices'), [
    { PathOnHost: '/dev/zero', PathInContainer: '/dev/zero', CgroupPermissions: 'rwm' },
  ])
  assert.deepEqual(show('.Config.ExposedPorts'), { '8080/udp': {}, '8081/udp': {} })
  assert.deepEqual(show('.HostConfig.GroupAdd'), ['7'])
  mille.ok('rm', '-f', id)
})

test('flags of Docker that mean nothing here are refused with the reason, and are in no help', () => {
  const help = mille.ok('run', '--help')
  for (const flag of ['--gpus', '--link', '--blkio-weight', '--cgroup-parent']) {
    assert.match(
      refused(flag, 'x'),
      new RegExp(`^invalid argument "x" for "${flag}" flag: not supported: [a-z]`),
    )
    assert.ok(!help.includes(`${flag} `))
  }
})
