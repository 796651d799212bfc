import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { serveApi, type TestApi } from '../support/serve-api.ts'

describe('docker client on a container that mille serve runs', () => {
  let mille: TestMille
  let api: TestApi
  before(async () => {
    mille = testMille()
    mille.ok('image', 'bootstrap', 'busybox')
    api = await serveApi(mille)
    api.ok('run', '-d', '--name', 'web', '--label', 'a=b', '--network', 'none', 'busybox', 'sleep', '1000')
  })
  after(async () => {
    await api.stop()
    mille[Symbol.dispose]()
  })

  test('exec hands on both outputs, the input and the exit code', () => {
    const ran = api.docker(['exec', '-i', 'web', 'sh', '-c', 'cat; echo bad >&2; exit 4'], { input: 'typed' })
    assert.deepEqual(ran, { code: 4, out: 'typed', err: 'bad\n' })
    const shown = api.ok(
      'exec',
      '-u',
      '1:1',
      '-w',
      '/tmp',
      '-e',
      'A=b',
      'web',
      'sh',
      '-c',
      'id -u; pwd; echo $A',
    )
    assert.equal(shown, '1\n/tmp\nb')
    assert.equal(api.ok('exec', '-t', 'web', 'tty'), '/dev/pts/0')
  })

  test('a command that is not there ends exec with 127 and tells so', () => {
    const missing = api.docker(['exec', 'web', 'nosuch'])
    assert.equal(missing.code, 127)
    assert.match(missing.out, /^OCI runtime exec failed: .*executable file not found in \$PATH/)
    assert.equal(api.docker(['exec', 'web', '/etc/passwd']).code, 126)
  })

  test('a detached exec ends by itself, and its exit code is kept', async () => {
    const body = { Cmd: ['sh', '-c', 'echo made >/made; exit 3'], AttachStdout: true }
    const { Id: id } = JSON.parse((await api.call('POST', '/containers/web/exec', body)).body)
    const started = await api.call('POST', `/exec/${id}/start`, { Detach: true })
    assert.deepEqual(started, { status: 200, body: '' })
    let shown
    do shown = JSON.parse((await api.call('GET', `/exec/${id}/json`)).body)
    while (shown.Running)
    assert.equal(shown.ExitCode, 3)
    assert.equal(api.ok('exec', 'web', 'cat', '/made'), 'made')
    assert.equal((await api.call('POST', `/exec/${id}/start`, {})).status, 409)
    assert.equal((await api.call('GET', '/exec/nosuch/json')).status, 404)
    const long = { Cmd: ['sleep', '1000'] }
    const { Id: running } = JSON.parse((await api.call('POST', '/containers/web/exec', long)).body)
    await api.call('POST', `/exec/${running}/start`, { Detach: true })
    assert.equal(api.ok('inspect', '--format', '{{json .ExecIDs}}', 'web'), JSON.stringify([running]))
    api.ok('exec', 'web', 'sh', '-c', "kill $(pidof sleep | tr ' ' '\\n' | grep -vx 1)")
    do shown = JSON.parse((await api.call('GET', `/exec/${running}/json`)).body)
    while (shown.Running)
    assert.equal(shown.ExitCode, 143)
    assert.equal((await api.call('POST', '/containers/web/exec', {})).status, 400)
  })

  test('cp brings files in and out, a tar stream too; diff tells what changed', () => {
    const folder = join(mille.root, 'copied')
    mkdirSync(folder)
    writeFileSync(join(folder, 'in'), 'content')
    api.ok('cp', join(folder, 'in'), 'web:/tmp/out')
    api.ok('cp', 'web:/tmp/out', join(folder, 'back'))
    assert.equal(readFileSync(join(folder, 'back'), 'utf8'), 'content')
    const tar = api.docker(['cp', 'web:/tmp/out', '-'])
    assert.match(tar.out, /^out\0/)
    assert.match(
      api.docker(['cp', 'web:/nosuch', '-']).err,
      /Could not find the file \/nosuch in container web|No such container:path: web:\/nosuch/,
    )
    assert.ok(api.ok('diff', 'web').split('\n').includes('A /tmp/out'))
    assert.ok(api.docker(['export', 'web']).out.includes('tmp/out'))
  })

  test('a folder, a link and a set-uid file are told with the bits of Go', async () => {
    api.ok('exec', 'web', 'sh', '-c', 'ln -s /etc /link; touch /suid; chmod 4755 /suid')
    const stat = async (path: string): Promise<{ readonly mode: number; readonly linkTarget: string }> => {
      const { headers } = await fetchHead(api, `/containers/web/archive?path=${path}`)
      return JSON.parse(Buffer.from(String(headers['x-docker-container-path-stat']), 'base64').toString())
    }
    assert.equal((await stat('/tmp')).mode, 2 ** 31 + 2 ** 20 + 0o777)
    const link = await stat('/link')
    assert.deepEqual([link.mode, link.linkTarget], [2 ** 27 + 0o777, '/etc'])
    assert.equal((await stat('/suid')).mode, 2 ** 23 + 0o755)
  })

  test('pause, rename, update, top and stats', async () => {
    api.ok('pause', 'web')
    assert.match(api.ok('ps', '--format', '{{.Status}}'), /^Up .* \(Paused\)$/)
    assert.equal((await api.call('POST', '/containers/web/exec', { Cmd: ['true'] })).status, 409)
    api.ok('unpause', 'web')
    api.ok('rename', 'web', 'site')
    api.ok('rename', 'site', 'web')
    api.ok('update', '--memory', '96m', '--memory-reservation', '32m', '--cpu-quota', '50000', 'web')
    const limits = '{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} {{.HostConfig.CpuQuota}}'
    assert.equal(api.ok('inspect', '--format', limits, 'web'), `${96 * 2 ** 20} ${32 * 2 ** 20} 50000`)
    for (const policy of ['on-failure:3', 'no:0']) {
      api.ok('update', '--restart', policy.replace(/:0$/, ''), 'web')
      const shown = '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}'
      assert.equal(api.ok('inspect', '--format', shown, 'web'), policy)
    }
    assert.match(api.ok('top', 'web'), /^UID .*\n.*sleep 1000$/)
    assert.match(
      api.ok('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}} {{.PIDs}}'),
      /^web .* \/ 96MiB 1$/,
    )
  })

  test('events tells what happened, with the labels', () => {
    const since = String(Math.floor(Date.now() / 1000) - 1)
    api.ok('kill', '-s', 'CONT', 'web')
    const format = '{{.Type}} {{.Action}} {{index .Actor.Attributes "a"}}'
    const told = api.ok(
      'events',
      '--since',
      since,
      // the client cuts this moment down to whole seconds: the end of the one that runs
      '--until=-1s',
      '--filter',
      'label=a=b',
      '--format',
      format,
    )
    assert.ok(told.split('\n').includes('container kill b'), told)
  })

  test('volumes are made, found, in use and removed', () => {
    assert.equal(api.ok('volume', 'create', '--label', 'a=b', 'data'), 'data')
    assert.equal(api.ok('volume', 'ls', '-q', '--filter', 'label=a=b'), 'data')
    api.ok('create', '--name', 'user', '-v', 'data:/data', 'busybox', 'true')
    assert.match(api.docker(['volume', 'rm', 'data']).err, /volume is in use/)
    api.ok('rm', 'user')
    assert.equal(api.ok('volume', 'rm', 'data'), 'data')
    assert.match(api.docker(['volume', 'inspect', 'data']).err, /no such volume/i)
  })

  test('what mille does not have is told as a dockerd without it tells', async () => {
    assert.match(api.docker(['node', 'ls']).err, /This node is not a swarm manager/)
    assert.deepEqual(await api.call('GET', '/plugins'), { status: 200, body: '[]\n' })
    assert.equal((await api.call('POST', '/session')).status, 501)
  })
})

async function fetchHead(
  { socket }: TestApi,
  path: string,
): Promise<{ readonly headers: NodeJS.Dict<string | string[]> }> {
  const { request } = await import('node:http')
  return new Promise((resolve, reject) => {
    request({ socketPath: socket, method: 'HEAD', path }, resolve).on('error', reject).end()
  })
}
