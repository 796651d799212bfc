import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { serveApi, type TestApi } from '../support/serve-api.ts'

describe('networks and waiting through mille serve', () => {
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

  test('a network is made, listed, joined, left and removed; its members find each other by name', () => {
    const name = `mille-api-${process.pid}`
    const id = api.ok('network', 'create', '--label', 'a=b', name)
    try {
      assert.equal(api.ok('network', 'ls', '-q', '--no-trunc', '--filter', 'label=a=b'), id)
      assert.match(
        api.docker(['network', 'create', name]).err,
        new RegExp(`network with name ${name} already exists`),
      )
      api.ok(
        'run',
        '-d',
        '--name',
        'server',
        '--network',
        name,
        '--network-alias',
        'other',
        'busybox',
        'sh',
        '-c',
        'echo found > /tmp/index.html; exec httpd -f -h /tmp',
      )
      const fetch = 'until wget -qO- http://other; do sleep 0.1; done'
      assert.equal(
        api.docker(['run', '--rm', '--network', name, 'busybox', 'sh', '-c', fetch]).out,
        'found\n',
      )
      assert.match(
        api.ok('network', 'inspect', '--format', '{{range .Containers}}{{.Name}}{{end}}', name),
        /^server$/,
      )
      assert.match(api.docker(['network', 'rm', name]).err, /has active endpoints/)
      api.ok('network', 'disconnect', name, 'server')
      api.ok('network', 'connect', '--alias', 'again', name, 'server')
      const shown = api.ok(
        'inspect',
        '--format',
        `{{(index .NetworkSettings.Networks "${name}").Aliases}}`,
        'server',
      )
      assert.match(shown, /again/)
    } finally {
      api.docker(['rm', '-f', 'server'])
      assert.equal(api.ok('network', 'rm', name), name)
    }
    assert.match(
      api.docker(['network', 'rm', 'bridge']).err,
      /bridge is a pre-defined network and cannot be removed/,
    )
    assert.match(api.docker(['network', 'inspect', name]).err, /not found|No such network/)
    assert.match(
      api.docker(['network', 'create', '-d', 'overlay', name]).err,
      /network driver overlay is not implemented yet/,
    )
  })

  test('all who wait for a container hear its exit code, whoever comes first and whoever leaves', async () => {
    const id = api.ok('create', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'sleep 0.3; exit 7')
    const waits = ['next-exit', 'removed', 'next-exit', 'removed'].map((condition) =>
      api.call('POST', `/containers/${id}/wait?condition=${condition}`),
    )
    const leaving = new AbortController()
    const left = api.call('POST', `/containers/${id}/wait?condition=next-exit`, undefined, leaving.signal)
    await api.call('POST', `/containers/${id}/start`)
    waits.push(api.call('POST', `/containers/${id}/wait`))
    leaving.abort()
    await assert.rejects(left)
    for (const wait of waits) assert.deepEqual(await wait, { status: 200, body: '{"StatusCode":7}\n' })
  })

  test("inspect shows what was attached, what is not set, and where the container's files of /etc are", () => {
    const config = (...args: string[]): Record<string, unknown> => {
      const id = api.ok(...args, '--network', 'none', 'busybox', 'true')
      const shown = JSON.parse(api.ok('inspect', '--format', '{{json .Config}}', id))
      api.ok('rm', '-f', id)
      return shown
    }
    const { AttachStdin, AttachStdout, AttachStderr, StdinOnce, WorkingDir, Entrypoint, ExposedPorts } =
      config('run', '-d')
    assert.deepEqual([AttachStdin, AttachStdout, AttachStderr, StdinOnce], [false, false, false, false])
    assert.deepEqual([WorkingDir, Entrypoint, ExposedPorts], ['', null, undefined])
    const open = config('create', '-i', '-w', '/tmp')
    assert.deepEqual([open['AttachStdin'], open['AttachStdout'], open['StdinOnce']], [true, true, true])
    assert.equal(open['WorkingDir'], '/tmp')
    const id = api.ok(
      'create',
      '--network',
      'none',
      'busybox',
      'cat',
      '/etc/hosts',
      '/etc/hostname',
      '/etc/resolv.conf',
    )
    const paths = (): string[] =>
      api.ok('inspect', '--format', '{{.HostsPath}} {{.HostnamePath}} {{.ResolvConfPath}}', id).split(' ')
    assert.deepEqual(paths().filter(Boolean), [])
    const seen = api.docker(['start', '-a', id]).out
    assert.equal(
      paths()
        .map((path) => readFileSync(path, 'utf8'))
        .join(''),
      seen,
    )
    api.ok('rm', id)
  })

  test('without an upgrade the streams of a process come in the body, in frames', async () => {
    api.ok('run', '-d', '--name', 'box', '--network', 'none', 'busybox', 'sleep', '1000')
    const wish = { Cmd: ['sh', '-c', 'echo a'], AttachStdout: true }
    const { Id } = JSON.parse((await api.call('POST', '/containers/box/exec', wish)).body)
    const { status, body } = await api.call('POST', `/exec/${Id}/start`, {})
    assert.deepEqual([status, body], [200, '\x01\0\0\0\0\0\0\x02a\n'])
    api.ok('rm', '-f', 'box')
  })

  test('bodies that lie about what they are are refused by field (C-A4)', async () => {
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ HostConfig: { Binds: ['a:/b:c:d'] } }, /invalid volume specification: 'a:\/b:c:d'/],
      [{ HostConfig: { Memory: -5 } }, /memory/i],
      [{ HostConfig: { Memory: 2 ** 63 } }, /HostConfig\.Memory of type int64/],
      [{ HostConfig: { Devices: [{ PathOnHost: '../..' }] } }, /\.\.\/\.\. is not an absolute path/],
      [
        { HostConfig: { Sysctls: { 'kernel.core_pattern': '|/x' } } },
        /sysctl 'kernel\.core_pattern=\|\/x' is not allowed/,
      ],
      [{ HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '99999' }] } } }, /invalid HostPort: "99999"/],
      [{ HostConfig: { NetworkMode: 'nosuch' } }, /network nosuch not found/],
      [{ Env: ['A=1', 5] }, /\.Env of type string/],
      [{ Env: ['A=1', '=x'] }, /^invalid environment variable: =x$/],
      [{ Env: [''] }, /^invalid environment variable: $/],
      [
        { HostConfig: { ExtraHosts: ['a:1.2.3.4\n6.6.6.6 evil'] } },
        /^invalid IP address in add-host: "1\.2\.3\.4\\n6\.6\.6\.6 evil"$/,
      ],
      [{ HostConfig: { ExtraHosts: ['a\nb:1.2.3.4'] } }, /^bad format for add-host: "a\\nb:1\.2\.3\.4"$/],
    ]
    for (const [fields, expected] of cases) {
      const { status, body } = await api.call('POST', '/containers/create', {
        Image: 'busybox',
        Cmd: ['true'],
        ...fields,
      })
      assert.ok(status === 400 || status === 404, `${status} ${body}`)
      assert.match(JSON.parse(body).message, expected)
    }
    assert.equal(api.ok('ps', '-aq'), '')
  })
})
