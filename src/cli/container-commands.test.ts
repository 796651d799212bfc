import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeAttachment, fakeContainer, fakeNow } from '../../test/support/fake-engine.ts'
import { runCli } from '../../test/support/run-cli.ts'
import type { Containers, ContainerWish } from '../containers/containers.ts'
import type { Images } from '../images/images.ts'
import { sha256 } from '../oci/digest.ts'
import { failure } from '../util/errors.ts'

const web = fakeContainer('web', {
  ports: [
    { hostIp: '0.0.0.0', hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    { hostIp: '127.0.0.1', hostPort: 53, containerPort: 53, protocol: 'udp' },
    { hostIp: '0.0.0.0', hostPort: 90, containerPort: 90, protocol: 'tcp' },
    { hostIp: '0.0.0.0', hostPort: 91, containerPort: 91, protocol: 'tcp' },
  ],
  exposedPorts: ['443/tcp', '80/tcp'],
})
const done = fakeContainer('done', {
  path: 'sh',
  args: ['-c', 'echo "hello world this is long" && exit'],
  createdAt: fakeNow - 1000,
  state: { ...web.state, status: 'exited', exitCode: 3, finishedAt: fakeNow - 2000 },
  sizeRw: 5,
  sizeRootFs: 2_065_230,
})

test('ps: table, quiet, json', async () => {
  const parts = { containers: { list: () => Promise.resolve([web, done]) } }
  const { out } = await runCli(['ps', '-a'], parts)
  const ports = '127.0.0.1:53->53/udp, 0.0.0.0:90-91->90-91/tcp, 443/tcp, 0.0.0.0:8080->80/tcp'
  assert.equal(
    out,
    `CONTAINER ID   IMAGE     COMMAND                   CREATED         STATUS                     PORTS${' '.repeat(ports.length - 2)}NAMES
${done.id.slice(0, 12)}   busybox   "sh -c 'echo \\"hello …"   1 second ago    Exited (3) 2 seconds ago   ${' '.repeat(ports.length + 3)}done
${web.id.slice(0, 12)}   busybox   "sleep 1000"              3 minutes ago   Up 2 minutes               ${ports}   web
`,
  )
  assert.equal((await runCli(['ps', '-q', '-n', '1'], parts)).out, `${done.id.slice(0, 12)}\n`)
  assert.equal(
    (await runCli(['ps', '--format', '{{.Names}} {{.Labels}} {{.State}}'], parts)).out,
    'done a=b exited\nweb a=b running\n',
  )
  const label = await runCli(['ps', '--format', '{{.Label "a"}}|{{.Label "b"}}'], parts)
  assert.equal(label.out, 'b|\nb|\n')
  const titled = await runCli(['ps', '--format', 'table {{.Names}}\t{{.Label "a"}}'], parts)
  assert.equal(titled.out, 'NAMES     LABEL\ndone      b\nweb       b\n')
  assert.equal((await runCli(['ps', '--format', 'json'], parts)).out.includes('Label"'), false)
  assert.match((await runCli(['ps', '-as'], parts)).out, /done {6}5B \(virtual 2\.07MB\)\n/)
})

test('port lists mappings', async () => {
  const parts = { containers: { inspect: () => Promise.resolve(web) } }
  const { out } = await runCli(['port', 'web'], parts)
  assert.equal(
    out,
    '53/udp -> 127.0.0.1:53\n80/tcp -> 0.0.0.0:8080\n90/tcp -> 0.0.0.0:90\n91/tcp -> 0.0.0.0:91\n',
  )
  assert.equal((await runCli(['port', 'web', '80'], parts)).out, '0.0.0.0:8080\n')
  assert.equal(
    (await runCli(['port', 'web', '99'], parts)).err,
    "Error: No public port '99' published for web\n",
  )
})

const missing = (name: string): Promise<never> =>
  Promise.reject(failure('NO_SUCH_CONTAINER', { name, hint: '' }))

test('missing containers: one line each, exit 1', async () => {
  const stop = (name: string): Promise<void> => (name === 'nope' ? missing(name) : Promise.resolve())
  const { code, out, err } = await runCli(['stop', 'a', 'nope', 'b', '-t', '1'], { containers: { stop } })
  assert.deepEqual([code, out, err], [1, 'a\nb\n', 'Error response from daemon: No such container: nope\n'])
  const start = await runCli(['start', 'nope'], { containers: { start: missing } })
  assert.equal(
    start.err,
    'Error response from daemon: No such container: nope\nError: failed to start containers: nope\n',
  )
  assert.equal((await runCli(['rm', '-f', 'nope'], { containers: { remove: missing } })).code, 0)
  const bad = await runCli(['stop', '-t', 'abc', 'x'])
  assert.equal(bad.code, 125)
  assert.match(bad.err, /^invalid argument "abc" for "-t, --timeout" flag: strconv\.ParseInt/)
})

interface Ran {
  readonly requests: ContainerWish[]
  readonly containers: Partial<Containers>
  readonly attachment: ReturnType<typeof fakeAttachment>
}

function runnable(options: { readonly exitCode?: number; readonly start?: () => Promise<void> } = {}): Ran {
  const requests: ContainerWish[] = []
  const attachment = fakeAttachment([
    ['stdout', 'out\n'],
    ['stderr', 'err\n'],
  ])
  return {
    requests,
    attachment,
    containers: {
      create: (request) => {
        requests.push(request)
        return Promise.resolve({ id: 'f'.repeat(64), warnings: [] })
      },
      attach: () => Promise.resolve(attachment),
      wait: () => Promise.resolve(options.exitCode ?? 0),
      start: options.start ?? ((): Promise<void> => Promise.resolve()),
    },
  }
}

test('run streams both outputs and exits as the command', async () => {
  const { containers, requests } = runnable({ exitCode: 3 })
  const result = await runCli(
    ['run', '--rm', '-e', 'A=1', '-e', 'HOME', '-p', '8080:80', 'busybox', 'sh', '-c', 'x', '--rm'],
    { containers },
    { env: { HOME: '/h' } },
  )
  assert.deepEqual(result, { code: 3, out: 'out\n', err: 'err\n' })
  const [request] = requests
  assert.deepEqual(request?.command, ['sh', '-c', 'x', '--rm'])
  assert.deepEqual(request?.env, ['A=1', 'HOME=/h'])
  assert.equal(request?.autoRemove, true)
  assert.deepEqual(request?.ports, [{ hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp' }])
})

test('run -p with a range for one port asks for one of them', async () => {
  const { containers, requests } = runnable()
  await runCli(['run', '-d', '-p', '127.0.0.1:8000-8010:80', 'busybox'], { containers })
  assert.deepEqual(requests[0]?.ports, [
    { hostIp: '127.0.0.1', hostPort: 8000, lastHostPort: 8010, containerPort: 80, protocol: 'tcp' },
  ])
})

test('run -d prints the id; run -i hands standard input on', async () => {
  assert.equal(
    (await runCli(['run', '-d', 'busybox'], { containers: runnable().containers })).out,
    `${'f'.repeat(64)}\n`,
  )
  const { containers, attachment } = runnable()
  await runCli(['run', '-i', 'busybox', 'cat'], { containers }, { stdin: 'typed' })
  assert.equal(attachment.input[0], 'typed')
})

test('run pulls a missing image and says so', async () => {
  const { containers } = runnable()
  let here = false
  const create: Containers['create'] = () =>
    here
      ? Promise.resolve({ id: 'f'.repeat(64), warnings: [] })
      : Promise.reject(failure('NO_SUCH_IMAGE', { reference: 'x:latest' }))
  const pull: Images['pull'] = (_, options = {}) => {
    here = true
    options.onProgress?.({ id: 'latest', status: 'Pulling from library/x' })
    return Promise.resolve([
      { id: sha256('i'), digest: sha256('d'), name: 'docker.io/library/x:latest', changed: true },
    ])
  }
  const { err, code } = await runCli(['run', '-d', 'x'], {
    containers: { ...containers, create },
    images: { pull },
  })
  assert.equal(code, 0)
  assert.equal(
    err,
    `Unable to find image 'x:latest' locally\nlatest: Pulling from library/x\nStatus: Downloaded newer image for x:latest\n`,
  )
  here = false
  const never = await runCli(['run', '--pull', 'never', 'x'], { containers: { ...containers, create } })
  assert.equal(never.code, 125)
  assert.equal(
    never.err,
    "mille: Error response from daemon: No such image: x:latest\n\nRun 'mille run --help' for more information\n",
  )
})

test('run: mistakes exit 125 with their reason', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['-p', '99999:1'], /^mille: Invalid hostPort: 99999/],
    [['-p', 'a:b'], /^mille: Invalid containerPort: b/],
    [['-p', '80-82:80-81'], /^mille: Invalid ranges specified for container and host Ports/],
    [
      ['-v', 'rel/x:/y'],
      /^mille: Error response from daemon: create rel\/x: "rel\/x" includes invalid characters for a local volume name/,
    ],
    [['-v', '/x:rel'], /mount path must be absolute/],
    [
      ['--mount', 'type=foo,target=/x'],
      /^invalid argument "type=foo,target=\/x" for "--mount" flag: unknown mount type 'foo': there are/,
    ],
    [['--mount', 'type=bind'], /target is required/],
    [
      ['--mount', 'type=bind,suorce=/a,target=/b'],
      /unexpected key 'suorce' in 'suorce=\/a', did you mean 'source'\?/,
    ],
    [['-m', '-5'], /^invalid argument "-5" for "-m, --memory" flag: invalid size: '-5'/],
    [['--pids-limit', 'x'], /strconv\.ParseInt/],
    [['--env-file', '/nope'], /^mille: open \/nope: no such file or directory/],
    [['--restart', 'on-failure:x'], /invalid restart policy format: maximum retry count must be an integer/],
    [['--rm', '--restart', 'always'], /cannot specify both --restart and --rm/],
    [['--hostname', 'x'.repeat(70)], /at most 63/],
    [['--nme', 'x'], /^unknown flag: --nme, did you mean --name\?/],
    [['-v', '/a:/x', '-v', '/b:/x'], /Duplicate mount point: \/x/],
  ]
  for (const [flags, message] of cases) {
    const { code, err } = await runCli(['run', ...flags, 'busybox'])
    assert.equal(code, 125, flags.join(' '))
    assert.match(err, message)
  }
})

test('env files name the line that is wrong; cidfile is written once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mille-run-'))
  try {
    const env = join(folder, 'env')
    await writeFile(env, '# comment\nA=1\nHOME\nB C=2\n')
    const bad = await runCli(['run', '--env-file', env, 'busybox'])
    assert.match(bad.err, /line 4: variable 'B C' contains whitespaces/)
    await writeFile(env, '\ufeffA=1\n\nHOME\nUNSET\nE=\n')
    const { containers, requests } = runnable()
    const cid = join(folder, 'cid')
    await runCli(
      ['run', '-d', '--env-file', env, '--cidfile', cid, 'busybox'],
      { containers },
      { env: { HOME: '/h' } },
    )
    assert.deepEqual(requests[0]?.env, ['A=1', 'HOME=/h', 'E='])
    assert.equal(await readFile(cid, 'utf8'), 'f'.repeat(64))
    const again = await runCli(['run', '-d', '--cidfile', cid, 'busybox'], { containers })
    assert.match(again.err, /^mille: container ID file found/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a command that cannot be started gives 126 or 127', async () => {
  const reason = 'executable file not found in $PATH'
  const error = failure('COMMAND_NOT_FOUND', { command: 'nope', reason })
  const { containers } = runnable({ start: () => Promise.reject(error) })
  const { code, err } = await runCli(['run', 'busybox', 'nope'], { containers })
  assert.equal(code, 127)
  assert.match(err, /^mille: Error response from daemon: exec: "nope": executable file not found in \$PATH\n/)
})

test('logs: timestamps, streams apart, bad times explained', async () => {
  const logs: Containers['logs'] = async function* () {
    yield { stream: 'stdout', time: BigInt(fakeNow) * 1_000_000n + 5n, text: Buffer.from('a\n') }
    yield { stream: 'stderr', time: 0n, text: Buffer.from('b\n') }
  }
  const result = await runCli(['logs', '-t', 'x'], { containers: { logs } })
  assert.deepEqual(result, {
    code: 0,
    out: '2026-11-21T08:21:12.000000005Z a\n',
    err: '1970-01-01T00:00:00.000000000Z b\n',
  })
  // as Docker without options that add attributes: an empty list and a space
  const details = await runCli(['logs', '--details', 'x'], { containers: { logs } })
  assert.deepEqual([details.out, details.err], [' a\n', ' b\n'])
  const both = await runCli(['logs', '--details', '-t', 'x'], { containers: { logs } })
  assert.equal(both.err, '1970-01-01T00:00:00.000000000Z  b\n')
  assert.match(
    (await runCli(['logs', '--since', 'yesterdayy', 'x'])).err,
    /^invalid value for --since: "yesterdayy" is no time: use e\.g\. 42m/,
  )
  assert.match(
    (await runCli(['logs', '--tail', 'x', 'y'])).err,
    /^invalid value for --tail: "x" is no number/,
  )
})

test('cp names what is wrong with its sides', async () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['a', 'b'], 'must specify at least one container source\n'],
    [['a:/x', 'b:/y'], 'copying between containers is not supported\n'],
    [['/nope-here', 'c:/y'], 'open /nope-here: no such file or directory\n'],
  ]
  const containers: Partial<Containers> = {
    statPath: (_, path) =>
      Promise.resolve({ name: path, size: 0, mode: 0o40755, mtime: 0n, isDirectory: true, linkTarget: '' }),
  }
  for (const [args, err] of cases)
    assert.deepEqual(await runCli(['cp', ...args], { containers }), { code: 1, out: '', err })
})

test('run: conflicts that Docker answers with 1', async () => {
  assert.deepEqual(await runCli(['run', '-it', 'busybox']), {
    code: 1,
    out: '',
    err: 'the input device is not a TTY\n',
  })
  const both = await runCli(['run', '-d', '-a', 'stdout', 'busybox'])
  assert.deepEqual(
    [both.code, both.err],
    [1, 'conflicting options: cannot specify both --attach and --detach\n'],
  )
  assert.match(
    (await runCli(['run', '-a', 'foo', 'busybox'])).err,
    /^invalid argument "foo" for "-a, --attach" flag: valid streams/,
  )
})
