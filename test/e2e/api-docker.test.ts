import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { serveApi, type TestApi } from '../support/serve-api.ts'

/** The real docker client against `mille serve`: what users see must be what dockerd gives them. */
describe('docker client on mille serve', () => {
  let mille: TestMille
  let api: TestApi
  before(async () => {
    mille = testMille()
    mille.ok('image', 'bootstrap', 'busybox')
    api = await serveApi(mille)
  })
  after(async () => {
    await api.stop()
    mille[Symbol.dispose]()
  })

  test('version and info tell what answers', () => {
    assert.equal(
      api.ok('version', '--format', '{{.Server.APIVersion}} {{.Server.MinAPIVersion}}'),
      '1.51 1.24',
    )
    assert.equal(
      api.ok('info', '--format', '{{.DockerRootDir}} {{.Swarm.LocalNodeState}}'),
      `${mille.root} inactive`,
    )
  })

  test('run hands on both outputs, the input and the exit code', () => {
    const ran = api.docker(
      ['run', '--rm', '-i', '--network', 'none', 'busybox', 'sh', '-c', 'cat; echo bad >&2; exit 7'],
      {
        input: 'typed',
      },
    )
    assert.deepEqual(ran, { code: 7, out: 'typed', err: 'bad\n' })
    assert.equal(api.ok('ps', '-aq'), '')
  })

  test('a command that is not there ends run with 127, one that cannot run with 126; --rm leaves nothing', () => {
    const missing = api.docker(['run', '--rm', '--network', 'none', 'busybox', 'nosuch'])
    assert.equal(missing.code, 127)
    assert.match(missing.err, /Error response from daemon: .*executable file not found in \$PATH/)
    assert.equal(api.docker(['run', '--rm', '--network', 'none', 'busybox', '/etc/passwd']).code, 126)
    assert.equal(api.ok('ps', '-aq'), '')
  })

  test('a detached container is listed, inspected, read, stopped and removed', () => {
    const id = api.ok(
      'run',
      '-d',
      '--name',
      'web',
      '--label',
      'a=b',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'echo out; echo err >&2; exec sleep 1000',
    )
    assert.match(id, /^[0-9a-f]{64}$/)
    assert.equal(
      api.ok(
        'ps',
        '--no-trunc',
        '--filter',
        'label=a=b',
        '--format',
        '{{.ID}} {{.Names}} {{.Image}} {{.State}}',
      ),
      `${id} web busybox running`,
    )
    assert.equal(
      api.ok('inspect', '--format', '{{.Name}} {{.State.Running}} {{.HostConfig.NetworkMode}}', 'web'),
      '/web true none',
    )
    const logs = api.docker(['logs', 'web'])
    assert.deepEqual(logs, { code: 0, out: 'out\n', err: 'err\n' })
    assert.match(api.ok('logs', '-t', 'web'), /^\d{4}-\d\d-\d\dT[\d:]+\.\d{9}Z out$/)
    const refused = api.docker(['rm', 'web'])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /cannot remove container "web": container is running/)
    assert.equal(api.ok('stop', '-t', '0', 'web'), 'web')
    assert.equal(api.ok('wait', 'web'), '137')
    assert.equal(api.ok('rm', 'web'), 'web')
    assert.match(api.docker(['inspect', 'web']).err, /No such object: web/i)
  })

  test('create, start -a and restart: what create was given comes back', () => {
    api.ok(
      'create',
      '--name',
      'made',
      '--network',
      'none',
      '-e',
      'A=1',
      '-w',
      '/tmp',
      '-u',
      '1:1',
      '--memory',
      '64m',
      '--memory-reservation=32m',
      '--cpu-period=50000',
      '--cpu-quota=25000',
      '--userns=host',
      '--pid=host',
      '-v',
      '/data',
      'busybox',
      'sh',
      '-c',
      'id -u; pwd; echo $A',
    )
    const format = '{{json .Config.Env}} {{.Config.WorkingDir}} {{.Config.User}} {{.HostConfig.Memory}}'
    const shown = api.ok('inspect', '--format', format, 'made')
    assert.match(shown, /"A=1"/)
    assert.ok(shown.endsWith(' /tmp 1:1 67108864'), shown)
    const limits = ['MemoryReservation', 'CpuPeriod', 'CpuQuota', 'NanoCpus', 'UsernsMode', 'PidMode']
    assert.equal(
      api.ok('inspect', '--format', limits.map((name) => `{{.HostConfig.${name}}}`).join(' '), 'made'),
      '33554432 50000 25000 0 host host',
    )
    assert.equal(api.ok('start', '-a', 'made'), '1\n/tmp\n1')
    assert.equal(api.ok('rm', '-v', 'made'), 'made')
  })

  test('a name that is taken and a container that is not there are told as dockerd tells them', () => {
    api.ok('create', '--name', 'taken', 'busybox', 'true')
    const again = api.docker(['create', '--name', 'taken', 'busybox', 'true'])
    assert.equal(again.code, 1)
    assert.match(
      again.err,
      /Conflict\. The container name "\/taken" is already in use by container "[0-9a-f]{64}"/,
    )
    assert.match(api.docker(['start', 'nosuch']).err, /No such container: nosuch/)
    api.ok('rm', 'taken')
  })

  test('what a container cannot have yet is refused by name, not passed over', async () => {
    const body = { Image: 'busybox', Cmd: ['true'], HostConfig: { BlkioWeight: 10 } }
    assert.deepEqual(await api.call('POST', '/v1.44/containers/create', body), {
      status: 501,
      body: '{"message":"HostConfig.BlkioWeight is not implemented yet"}\n',
    })
  })

  test('a terminal of a size: its output comes as it is', () => {
    const out = api.ok('run', '--rm', '-t', '--network', 'none', 'busybox', 'sh', '-c', 'tty; echo done')
    assert.equal(out, '/dev/pts/0\r\ndone')
  })

  test('the socket is for root alone, a second server is refused, SIGTERM ends cleanly and takes the socket away', async () => {
    assert.equal(statSync(api.socket).mode & 0o777, 0o660)
    const second = mille.run(['serve', '-H', `unix://${api.socket}`])
    assert.equal(second.code, 1)
    assert.match(second.err, /is in use/)
    const other = await serveApi(mille, 'other.sock')
    assert.equal(await other.stop(), 0)
    assert.equal(existsSync(other.socket), false)
  })

  test('a server killed with -9 leaves its containers running, and the next one has them', async () => {
    const first = await serveApi(mille, 'first.sock')
    const id = first.ok('run', '-d', '--network', 'none', 'busybox', 'sleep', '1000')
    await first.stop('SIGKILL')
    const next = await serveApi(mille, 'first.sock')
    assert.equal(next.ok('ps', '-q', '--no-trunc'), id)
    assert.equal(next.ok('rm', '-f', id), id)
    assert.equal(await next.stop(), 0)
  })
})
