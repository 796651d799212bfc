import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
const driver = 'com.docker.network'

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

/** A container that answers on port 80 and tells in its log who asked; it answers when this returns. Its address. */
function serve(name: string, ...flags: readonly string[]): string {
  mille.ok('run', '-d', '--name', name, ...flags, 'busybox', 'httpd', '-f', '-v', '-p', '80', '-h', '/etc')
  const wait = 'for i in $(seq 200); do wget -qO- http://127.0.0.1/passwd && exit; sleep 0.05; done; exit 1'
  mille.ok('exec', name, 'sh', '-c', wait)
  return mille.ok('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name)
}

test('Docker’s options of a bridge have their effect', async () => {
  mille.ok('network', 'create', '-o', `${driver}.driver.mtu=1234`, 'small')
  const mtu = ['cat', '/sys/class/net/eth0/mtu']
  assert.equal(mille.ok('run', '--rm', '--network', 'small', 'busybox', ...mtu), '1234')

  mille.ok('network', 'create', '-o', `${driver}.bridge.host_binding_ipv4=127.0.0.1`, 'home')
  serve('homely', '--network', 'home', '-p', '80', '-p', '127.0.0.2::81')
  assert.match(mille.ok('port', 'homely'), /^80\/tcp -> 127\.0\.0\.1:\d+\n81\/tcp -> 127\.0\.0\.2:\d+$/)

  mille.ok('network', 'create', '-o', `${driver}.bridge.enable_icc=false`, 'cells')
  const inmate = serve('inmate', '--network', 'cells', '-p', '80')
  const run = (...command: readonly string[]): number =>
    mille.run(['run', '--rm', '--network', 'cells', 'busybox', ...command]).code
  assert.equal(run('ping', '-c1', '-W1', inmate), 1)
  // the bridge itself answers, and the host reaches it by its published port
  const gateway = mille.ok('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'cells')
  assert.equal(run('ping', '-c1', '-W5', gateway), 0)
  const published = mille.ok('port', 'inmate', '80').split(':').at(-1) ?? ''
  assert.equal((await fetch(`http://127.0.0.1:${published}/passwd`)).status, 200)
})

test('without masquerading a member is seen by its own address', () => {
  mille.ok('network', 'create', '-o', `${driver}.bridge.enable_ip_masquerade=false`, 'plain')
  mille.ok('network', 'create', 'masked')
  serve('seer', '-p', '80')
  const published = mille.ok('port', 'seer', '80').split(':').at(-1) ?? ''
  const gateway = mille.ok('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'bridge')
  const seen = (network: string): boolean => {
    const script = `hostname -i; wget -qO- http://${gateway}:${published}/passwd >/dev/null`
    const own = mille.ok('run', '--rm', '--network', network, 'busybox', 'sh', '-c', script).trim()
    return mille.run(['logs', 'seer']).err.includes(`[::ffff:${own}]`)
  }
  assert.equal(seen('plain'), true)
  assert.equal(seen('masked'), false)
})

test('options without effect are refused or said to be wrong, those of others are kept', () => {
  const refused = (option: string): string => {
    const { code, err } = mille.run(['network', 'create', '-o', option, 'never'])
    assert.equal(code, 1)
    return err.split('\n', 1)[0]?.replace('Error response from daemon: ', '') ?? ''
  }
  assert.equal(
    refused(`${driver}.bridge.enable_icc=x`),
    `failed to parse ${driver}.bridge.enable_icc value: x (strconv.ParseBool: parsing "x": invalid syntax)`,
  )
  assert.equal(
    refused(`${driver}.driver.mtu=abc`),
    `failed to parse ${driver}.driver.mtu value: abc (strconv.Atoi: parsing "abc": invalid syntax)`,
  )
  assert.equal(refused(`${driver}.driver.mtu=-5`), 'invalid MTU number: -5')
  assert.equal(
    refused(`${driver}.bridge.host_binding_ipv4=foo`),
    `failed to parse ${driver}.bridge.host_binding_ipv4 value: foo (nil ip)`,
  )
  assert.match(refused(`${driver}.bridge.name=br0`), /network option com\.docker\.network\.bridge\.name=br0/)
  mille.ok('network', 'create', '-o', 'my.own=note', 'noted')
  assert.equal(mille.ok('network', 'inspect', '-f', '{{json .Options}}', 'noted'), '{"my.own":"note"}')
})

test('--dns-opt is --dns-option', () => {
  const flags = ['--dns', '192.0.2.1', '--dns-opt', 'ndots:3', '--dns-option', 'rotate']
  const file = mille.ok('run', '--rm', ...flags, 'busybox', 'cat', '/etc/resolv.conf')
  assert.match(file, /^options rotate ndots:3$/m)
})
