import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
/** A network that no other run of this test has. */
const net = `fd${randomInt(16, 256).toString(16)}:${randomInt(1, 65_536).toString(16)}`

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

/** A container that answers on port 80 when this returns. */
function serve(name: string, ...flags: readonly string[]): void {
  mille.ok('run', '-d', '--name', name, ...flags, 'busybox', 'httpd', '-f', '-p', '80', '-h', '/etc')
  const wait = 'for i in $(seq 200); do wget -qO- http://[::1]/passwd && exit; sleep 0.05; done; exit 1'
  mille.ok('exec', name, 'sh', '-c', wait)
}

function addressOf(name: string): string {
  return mille.ok('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}', name)
}

/** The name server reads its new list a moment after the command that wrote it. */
function lookUp(container: string, name: string, address: string): void {
  let said = ''
  for (let tries = 0; tries < 50; tries++) {
    said = mille.run(['exec', container, 'nslookup', '-type=aaaa', name]).out
    if (said.includes(`Address: ${address}`)) return
  }
  assert.fail(said)
}

test('members have an address of IPv6, are found by it and reach each other; ports answer on it', async () => {
  const flags = ['--subnet', `${net}::/64`, '--gateway', `${net}::77`, '--ip-range', `${net}::100:0/112`]
  mille.ok('network', 'create', '--ipv6', ...flags, 'six')
  const shown = '{{.EnableIPv6}} {{json (index .IPAM.Config 1)}}'
  assert.equal(
    mille.ok('network', 'inspect', '-f', shown, 'six'),
    `true {"Subnet":"${net}::/64","IPRange":"${net}::100:0/112","Gateway":"${net}::77"}`,
  )
  serve('web', '--network', 'six', '-p', '80')
  serve('db', '--network', `name=six,ip6=${net}::5`)
  assert.equal(addressOf('web'), `${net}::100:2`)
  assert.equal(addressOf('db'), `${net}::5`)
  lookUp('db', 'web', `${net}::100:2`)
  assert.match(mille.ok('exec', 'db', 'cat', '/etc/hosts'), new RegExp(`^${net}::5\\t[0-9a-f]{12}$`, 'm'))
  mille.ok('exec', 'db', 'wget', '-qO-', `http://[${net}::100:2]/passwd`)
  assert.match(
    mille.ok('exec', 'web', 'ip', '-6', 'route'),
    new RegExp(`^default via ${net}::77 dev eth0`, 'm'),
  )
  const ports = mille.ok('port', 'web', '80').split('\n')
  assert.match(ports.join(' '), /^0\.0\.0\.0:(\d+) \[::\]:\1$/)
  const [, port = ''] = /(\d+)$/.exec(ports[0] ?? '') ?? []
  assert.equal((await fetch(`http://127.0.0.1:${port}/passwd`)).status, 200)
  // nobody is at ::1, and that is said at once
  await assert.rejects(fetch(`http://[::1]:${port}/passwd`))
  // from the machine by an address of its own, and from another container through it
  assert.equal((await fetch(`http://[${net}::77]:${port}/passwd`)).status, 200)
  mille.ok('network', 'create', '--ipv6', 'other')
  const wget = ['wget', '-qO-', `http://[${net}::77]:${port}/passwd`]
  mille.ok('run', '--rm', '--network', 'other', 'busybox', ...wget)
  // but not without a published port
  const ping = ['ping', '-6', '-c1', '-W1', `${net}::5`]
  assert.notEqual(mille.run(['run', '--rm', '--network', 'other', 'busybox', ...ping]).code, 0)
  mille.ok('rm', '-f', 'web')
  await assert.rejects(fetch(`http://[${net}::77]:${port}/passwd`))
})

test('a running container joins and leaves a network with IPv6', () => {
  mille.ok('run', '-d', '--name', 'late', 'busybox', 'sleep', '1000')
  mille.ok('network', 'connect', '--ip6', `${net}::9`, 'six', 'late')
  mille.ok('exec', 'late', 'wget', '-qO-', `http://[${net}::5]/passwd`)
  mille.ok('network', 'disconnect', 'bridge', 'late')
  assert.match(
    mille.ok('exec', 'late', 'ip', '-6', 'route'),
    new RegExp(`^default via ${net}::77 dev eth1`, 'm'),
  )
  assert.match(
    mille.run(['network', 'connect', '--ip6', `${net}::9`, 'six', 'db']).err,
    /endpoint with name db already exists in network six/,
  )
  assert.match(
    mille.run(['run', '--rm', '--network', 'six', '--ip6', `${net}::9`, 'busybox', 'true']).err,
    new RegExp(`address ${net}::9 is already in use by`),
  )
})

test('addresses that are said to be another’s are not given out', () => {
  const subnet = `10.${randomInt(100, 250)}.${randomInt(0, 256)}`
  const reserved = ['--aux-address', `nas=${subnet}.3`, '--aux-address', `router=${subnet}.2`]
  mille.ok('network', 'create', '--subnet', `${subnet}.0/24`, ...reserved, 'kept')
  const shown = '{{json (index .IPAM.Config 0).AuxiliaryAddresses}}'
  assert.equal(
    mille.ok('network', 'inspect', '-f', shown, 'kept'),
    `{"nas":"${subnet}.3","router":"${subnet}.2"}`,
  )
  const flags = ['run', '--rm', '--network', 'kept']
  assert.equal(mille.ok(...flags, 'busybox', 'hostname', '-i').trim(), `${subnet}.4`)
  assert.match(
    mille.run([...flags, '--ip', `${subnet}.2`, 'busybox', 'true']).err,
    new RegExp(`address ${subnet}\\.2 is already in use by an auxiliary address of the network`),
  )
})

test('subnets that cannot be are refused in Docker’s words', () => {
  const refused = (...flags: readonly string[]): string => {
    const { code, err } = mille.run(['network', 'create', ...flags, 'never'])
    assert.equal(code, 1)
    return err.split('\n', 1)[0]?.replace('Error response from daemon: ', '') ?? ''
  }
  const ten = ['--subnet', '10.201.0.0/24']
  assert.equal(refused(...ten, '--subnet', '10.202.0.0/24'), "bridge driver doesn't support multiple subnets")
  assert.equal(
    refused(...ten, '--subnet', '10.201.0.0/25'),
    'multiple overlapping subnet configuration is not supported',
  )
  assert.equal(
    refused(...ten, '--aux-address', 'x=10.202.0.5'),
    'no matching subnet for aux-address 10.202.0.5',
  )
  assert.equal(
    refused('--gateway', '10.201.0.1'),
    'every ip-range or gateway must have a corresponding subnet',
  )
  assert.equal(refused(...ten, '--ip-range', '10.202.0.0/25'), 'no matching subnet for range 10.202.0.0/25')
  assert.equal(refused(...ten, '--gateway', 'foo'), 'no matching subnet for gateway foo')
  assert.equal(
    refused('--subnet', '10.201.0.1/24'),
    'invalid network config: invalid subnet 10.201.0.1/24: it should be 10.201.0.0/24',
  )
  assert.equal(
    refused('--subnet', 'foo'),
    'invalid network config: invalid subnet foo: invalid CIDR block notation',
  )
  assert.equal(
    refused('--ipv6', '--subnet', 'fd12:3456::1/64'),
    'invalid network config: invalid subnet fd12:3456::1/64: it should be fd12:3456::/64',
  )
  assert.equal(
    refused(...ten, '--ip-range', '10.201.0.7/25'),
    'invalid network config: invalid ip-range 10.201.0.7/25: it should be 10.201.0.0/25',
  )
  assert.match(refused('--subnet', `${net}::/64`), /is one of IPv6, which the network does not have/)
  assert.match(
    refused('--ipv6', '--subnet', `${net}::/80`),
    /^invalid pool request: Pool overlaps with other one on this address space/,
  )
})
