import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { serveRegistry } from '../support/serve-registry.ts'

/** Starts `mille serve`; resolves with the address that it says. */
async function serve(
  mille: TestMille,
  ...flags: readonly string[]
): Promise<{ address: string; stop(): Promise<number> }> {
  const server = mille.start('serve', ...flags)
  const errors = text(server.stderr!)
  const [first] = (await Promise.race([
    once(server.stdout!, 'data'),
    once(server, 'exit').then(async () => Promise.reject(new Error(await errors))),
  ])) as [Buffer]
  const [, address = ''] = /^API listens on (\S+)/.exec(first.toString()) ?? []
  return {
    address,
    async stop() {
      server.kill('SIGTERM')
      if (server.exitCode === null) await once(server, 'exit')
      return server.exitCode ?? 128
    },
  }
}

const docker = (host: string, ...args: readonly string[]): ReturnType<typeof spawnSync> =>
  spawnSync('docker', ['-H', host, ...args], { encoding: 'utf8' })

test('the file says what flags say: store, socket, its group, mirrors', async () => {
  using mille = testMille()
  const { host: registry } = await serveRegistry(mille)
  mille.ok('image', 'bootstrap', 'busybox')
  mille.ok('tag', 'busybox', `${registry}/library/mirrored:1`)
  mille.ok('push', '-q', `${registry}/library/mirrored:1`)
  const other = join(mille.root, 'other')
  const path = join(mille.root, 'serve.json')
  const socket = join(mille.root, 'from-file.sock')
  const settings = {
    'data-root': other,
    hosts: [`unix://${socket}`],
    group: '12345',
    'log-level': 'debug',
    'registry-mirrors': [`http://${registry}`],
    'insecure-registries': ['registry.example:5000'],
  }
  writeFileSync(path, JSON.stringify(settings))
  const { address, stop } = await serve(mille, '--config-file', path)
  try {
    assert.equal(address, `unix://${socket}`)
    const { gid, mode } = statSync(socket)
    assert.deepEqual([gid, mode & 0o777], [12345, 0o660])
    assert.equal(docker(address, 'info', '--format', '{{.DockerRootDir}}').stdout, `${other}\n`)
    const pulled = docker(address, 'pull', 'mirrored:1')
    assert.equal(pulled.status, 0, String(pulled.stderr))
    mille.run(['--root', other, 'rmi', 'mirrored:1'])
  } finally {
    assert.equal(await stop(), 0)
  }
  const wrong = (change: object, ...flags: readonly string[]): string => {
    writeFileSync(path, JSON.stringify({ ...settings, ...change }))
    const { code, err } = mille.run(['serve', '--config-file', path, ...flags])
    assert.equal(code, 1, err)
    return err
  }
  assert.match(
    wrong({ host: [] }),
    /serve\.json: the following directives don't match any configuration option: host: did you mean hosts\?/,
  )
  assert.match(wrong({ debug: 'yes' }), /serve\.json: debug must be true or false/)
  assert.match(wrong({ 'log-level': 'loud' }), /invalid log level: loud: there are debug, info/)
  assert.match(wrong({ group: 'no-such-group' }), /group no-such-group not found/)
  assert.match(
    wrong({}, '-H', 'unix:///tmp/x.sock', '--data-root', '/tmp/x'),
    /specified both as a flag and in the configuration file: data-root, hosts/,
  )
  writeFileSync(path, '{"hosts": [}')
  assert.match(mille.run(['serve', '--config-file', path]).err, /serve\.json: .*line 1, column 12/)
  assert.match(mille.run(['serve', '--config-file', `${path}.none`]).err, /serve\.json\.none/)
})

test('over TCP a certificate is needed on both sides: clients without one, or with one of another CA, get nothing', async () => {
  using mille = testMille()
  const folder = join(mille.root, 'tls')
  mkdirSync(folder)
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: readonly string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  for (const ca of ['ca', 'other-ca']) {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      file(`${ca}-key.pem`),
      '-out',
      file(`${ca}.pem`),
      '-subj',
      `/CN=${ca}`,
      '-days',
      '2',
    )
  }
  for (const [name, ca] of [
    ['server', 'ca'],
    ['client', 'ca'],
    ['stranger', 'other-ca'],
  ] as const) {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      file(`${name}-key.pem`),
      '-out',
      file(`${name}.pem`),
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
      '-CA',
      file(`${ca}.pem`),
      '-CAkey',
      file(`${ca}-key.pem`),
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    )
  }
  const ask = async (port: string, name?: string): Promise<number> => {
    const read = (one: string): Buffer => readFileSync(file(one))
    const outgoing = httpsRequest({
      port,
      host: '127.0.0.1',
      path: '/info',
      ca: read('ca.pem'),
      ...(name !== undefined && { cert: read(`${name}.pem`), key: read(`${name}-key.pem`) }),
    })
    outgoing.end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode ?? 0
  }
  const keys = ['--tlscert', file('server.pem'), '--tlskey', file('server-key.pem')]
  const refused = mille.run(['serve', '-H', 'tcp://0.0.0.0:0', '--tls', ...keys])
  assert.match(refused.err, /would give root to everybody who can reach it: use --tlsverify/)

  const verified = await serve(
    mille,
    '-H',
    'tcp://127.0.0.1:0',
    '--tlsverify',
    '--tlscacert',
    file('ca.pem'),
    ...keys,
  )
  const port = verified.address.split(':').at(-1) ?? ''
  assert.equal(await ask(port, 'client'), 200)
  // whichever side notices first: there is no answer
  await assert.rejects(ask(port))
  await assert.rejects(ask(port, 'stranger'))
  const own = [
    '--tlsverify',
    '--tlscacert',
    file('ca.pem'),
    '--tlscert',
    file('client.pem'),
    '--tlskey',
    file('client-key.pem'),
  ]
  const version = docker(verified.address, ...own, 'version', '--format', '{{.Server.Version}}')
  assert.equal(version.status, 0, String(version.stderr))
  assert.equal(await verified.stop(), 0)

  const plain = await serve(mille, '-H', 'tcp://127.0.0.1:0', '--tls', ...keys)
  assert.equal(await ask(plain.address.split(':').at(-1) ?? ''), 200)
  assert.equal(await plain.stop(), 0)
})
