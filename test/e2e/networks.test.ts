import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runFolder } from '../../src/engine/state-folder.ts'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
/** Subnets that no other run of this test has taken: their first three numbers. */
const net = `10.${randomInt(100, 250)}`
const front = `${net}.${randomInt(0, 120)}`
const back = `${net}.${randomInt(121, 250)}`
const daemon = 'Error response from daemon:'

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => {
  const ids = mille.ok('ps', '-aq').split('\n').filter(Boolean)
  if (ids.length > 0) mille.ok('rm', '-f', ...ids)
  mille.ok('network', 'prune', '-f')
  mille[Symbol.dispose]()
})

/** A container that serves `text` on port 80; it answers when this returns. */
function serve(name: string, text: string, ...flags: readonly string[]): void {
  const script = `mkdir /w; echo ${text} > /w/index.html; exec httpd -f -p 80 -h /w`
  mille.ok('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', script)
  const wait = 'for i in $(seq 200); do wget -qO- http://127.0.0.1/ && exit; sleep 0.05; done; exit 1'
  mille.ok('exec', name, 'sh', '-c', wait)
}

function fetchIn(container: string, host: string): string {
  waitForName(container, host, true)
  return mille.ok('exec', container, 'wget', '-qO-', `http://${host}/`)
}

/** The name server reads its new list a moment after the command that wrote it. */
function waitForName(container: string, name: string, isThere: boolean): void {
  for (let tries = 0; tries < 50; tries++) {
    const { out } = mille.run(['exec', container, 'nslookup', name])
    if (out.includes(`Name:\t${name}`) === isThere) return
  }
  assert.fail(`${name} is ${isThere ? 'not ' : ''}known to ${container}`)
}

function addresses(container: string): string[] {
  const lines = mille.ok('exec', container, 'ip', '-4', '-o', 'addr').split('\n')
  return lines
    .map((line) => / (eth\d+) +inet ([\d.]+)/.exec(line)?.slice(1).join(' ') ?? '')
    .filter(Boolean)
    .sort()
}

test('members of a network find each other by name and alias, others do not (C48)', () => {
  mille.ok('network', 'create', '--subnet', `${front}.0/24`, 'front')
  mille.ok('network', 'create', '--subnet', `${back}.0/24`, '--ip-range', `${back}.128/25`, 'back')
  serve('web', 'page', '--network', 'front', '--network-alias', 'www')
  mille.ok('run', '-d', '--name', 'db', '--network', 'back', 'busybox', 'sleep', '1000')
  mille.ok('run', '-d', '--name', 'user', '--network', 'front', 'busybox', 'sleep', '1000')
  assert.equal(fetchIn('user', 'web'), 'page')
  assert.equal(fetchIn('user', 'www'), 'page')
  waitForName('db', 'web', false)
  assert.deepEqual(addresses('db'), [`eth0 ${back}.128`])
  // nor by address: another network's members come in by published ports only
  assert.equal(mille.run(['exec', 'user', 'ping', '-c1', '-W1', `${back}.128`]).code, 1)
})

test('a running container joins and leaves networks; its names and routes follow', () => {
  mille.ok('network', 'connect', '--alias', 'page', 'back', 'web')
  assert.deepEqual(addresses('web'), [`eth0 ${front}.2`, `eth1 ${back}.129`])
  assert.equal(fetchIn('db', 'page'), 'page')
  assert.match(mille.ok('exec', 'web', 'cat', '/etc/hosts'), new RegExp(`^${back}.129\\t[0-9a-f]{12}$`, 'm'))
  mille.ok('network', 'disconnect', 'front', 'web')
  assert.deepEqual(addresses('web'), [`eth1 ${back}.129`])
  assert.match(mille.ok('exec', 'web', 'ip', 'route'), new RegExp(`^default via ${back}.1 dev eth1`))
  assert.equal(fetchIn('db', 'web'), 'page')
  waitForName('user', 'web', false)
  mille.ok('network', 'connect', '--ip', `${front}.77`, 'front', 'web')
  assert.deepEqual(addresses('web'), [`eth0 ${front}.77`, `eth1 ${back}.129`])
  const names = '{{range $name, $one := .NetworkSettings.Networks}}{{$name}} {{$one.IPAddress}} {{end}}'
  assert.equal(mille.ok('inspect', '-f', names, 'web').trim(), `back ${back}.129 front ${front}.77`)
  assert.equal(
    mille.run(['network', 'connect', 'front', 'web']).err,
    `${daemon} endpoint with name web already exists in network front\n`,
  )
})

test('a container that is renamed is found by its new name at once', () => {
  mille.ok('rename', 'web', 'site')
  waitForName('db', 'site', true)
  waitForName('db', 'web', false)
  mille.ok('rename', 'site', 'web')
  waitForName('db', 'web', true)
})

test('a restart brings the networks back, and a stopped container leaves nothing behind', () => {
  mille.ok('stop', '-t', '0', 'web')
  const members = mille.ok('network', 'inspect', '-f', '{{len .Containers}}', 'front')
  assert.equal(members, '1')
  waitForName('db', 'web', false)
  mille.ok('start', 'web')
  assert.equal(addresses('web').length, 2)
  waitForName('db', 'web', true)
  waitForName('user', 'web', true)
})

test('two containers share one network with --network container:', () => {
  assert.equal(
    mille.ok('run', '--rm', '--network', 'container:web', 'busybox', 'cat', '/etc/hostname').length,
    12,
  )
  assert.equal(
    mille.ok('run', '--rm', '--network', 'container:web', 'busybox', 'wget', '-qO-', 'http://127.0.0.1/'),
    'page',
  )
  mille.ok('create', '--name', 'never', 'busybox', 'true')
  assert.match(
    mille.run(['run', '--rm', '--network', 'container:never', 'busybox', 'true']).err,
    /cannot join network of a non running container: [0-9a-f]{12}/,
  )
  assert.match(
    mille.run(['run', '-p', '80', '--network', 'container:web', 'busybox', 'true']).err,
    /conflicting options: port publishing and the container type network mode/,
  )
})

test('an internal network has no way out and no way in', () => {
  mille.ok('network', 'create', '--internal', 'vault')
  const script = `ip route; ping -c1 -W1 ${front}.1 2>&1 | tail -1`
  const out = mille.ok('run', '--rm', '--network', 'vault', 'busybox', 'sh', '-c', script)
  assert.doesNotMatch(out, /default/)
  assert.match(out, /unreachable|100% packet loss/)
  // a published port would be a way in
  mille.ok('run', '-d', '--name', 'hidden', '--network', 'vault', '-p', '80', 'busybox', 'sleep', '1000')
  assert.equal(mille.ok('port', 'hidden'), '')
  mille.ok('rm', '-f', 'hidden')
  const both = ['--network', 'vault', '--network', 'front', '-p', '80']
  mille.ok('run', '-d', '--name', 'half', ...both, 'busybox', 'sleep', '1000')
  assert.match(mille.ok('port', 'half', '80'), /^0\.0\.0\.0:\d+$/)
  mille.ok('rm', '-f', 'half')
})

test('inspect finds networks too', () => {
  assert.equal(mille.ok('inspect', '-f', '{{.Name}} {{.Driver}}', 'front'), 'front bridge')
  assert.equal(mille.ok('inspect', '--type', 'network', '-f', '{{.Name}}', 'back'), 'back')
})

test('several networks from the start; ports are taken on all bridges', () => {
  const flags = ['--network', 'name=front,alias=both', '--network', 'back']
  const id = mille.ok('run', '-d', '--name', 'both', '-p', '80', ...flags, 'busybox', 'sleep', '1000')
  assert.equal(addresses('both').length, 2)
  waitForName('user', 'both', true)
  const port = mille.ok('port', 'both', '80').split(':').at(-1) ?? ''
  assert.match(
    mille.run(['run', '--rm', '-p', `${port}:80`, 'busybox', 'true']).err,
    new RegExp(`Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated \\(${id}\\)`),
  )
})

test('what cannot be is refused in Docker’s words', () => {
  const refused = (...args: readonly string[]): string => {
    const { code, err } = mille.run(args)
    return `${code} ${err
      .split('\n', 1)[0]
      ?.replace(/^mille: /, '')
      .replace(`${daemon} `, '')}`
  }
  assert.match(
    refused('network', 'rm', 'front'),
    /^1 error while removing network: network front has active endpoints \(name:"/,
  )
  assert.equal(refused('network', 'rm', 'bridge'), '1 bridge is a pre-defined network and cannot be removed')
  assert.equal(refused('network', 'rm', 'nope'), '1 network nope not found: did you mean none?')
  assert.equal(refused('network', 'create', 'front'), '1 network with name front already exists')
  assert.match(
    refused('network', 'create', '--subnet', `${net}.0.0/16`, 'x'),
    /^1 invalid pool request: Pool overlaps/,
  )
  assert.match(
    refused('network', 'create', '--subnet', '10.0.0.1/8', 'x'),
    /^1 invalid network config: invalid subnet 10\.0\.0\.1\/8: it should be 10\.0\.0\.0\/8/,
  )
  assert.match(refused('network', 'create', 'a b'), /^1 invalid network name \(a b\)/)
  assert.equal(refused('run', '--network', 'elsewhere', 'busybox', 'true'), '125 network elsewhere not found')
  assert.match(
    refused('run', '--network-alias', 'x', 'busybox', 'true'),
    /^125 invalid config for network bridge/,
  )
  assert.match(
    refused('run', '--network', 'front', '--network-alias', 'x\n10.0.0.1 y', 'busybox', 'true'),
    /^125 .*invalid network alias "x\\n/,
  )
  assert.match(
    refused('run', '--network', 'front', '--ip', '10.9.9.9', 'busybox', 'true'),
    /^125 .*10\.9\.9\.9$/,
  )
  const join = (...flags: readonly string[]): string => refused('network', 'connect', ...flags, 'db')
  assert.match(join('--alias', 'x\n10.0.0.1 y', 'front'), /^1 .*invalid network alias "x\\n/)
  assert.match(join('--ip', '10.9.9.9', 'front'), /^1 .*10\.9\.9\.9$/)
  assert.match(join('--alias', 'x', 'bridge'), /^1 invalid config for network bridge/)
  assert.match(refused('network', 'connect', 'host', 'web'), /^1 container web cannot be connected/)
})

test('prune leaves what runs, and removes interfaces and rules of the rest', () => {
  mille.ok('network', 'create', '--label', 'a=b', 'idle')
  const id = mille.ok('network', 'inspect', '-f', '{{.Id}}', 'idle')
  assert.ok(existsSync(`/sys/class/net/mille${id.slice(0, 10)}`))
  const pruned = mille.ok('network', 'prune', '-f').split('\n')
  assert.deepEqual(pruned, ['Deleted Networks:', 'idle', 'vault'])
  assert.ok(!existsSync(`/sys/class/net/mille${id.slice(0, 10)}`))
  assert.ok(!readdirSync(join(runFolder(), 'networks')).includes(id))
  const names = mille.ok('network', 'ls', '--filter', 'type=custom', '--format', '{{.Name}}')
  assert.equal(names, 'back\nfront')
})
