import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { ordinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts'
import { until } from '../support/until.ts'

let user: OrdinaryUser
let root: TestMille

before(() => {
  user = ordinaryUser()
  root = testMille()
  user.ok('image', 'bootstrap', 'busybox')
  root.ok('image', 'bootstrap', 'busybox')
})
after(() => {
  user[Symbol.dispose]()
  root[Symbol.dispose]()
})

const dockerfile = `FROM busybox
RUN mkdir /d && touch /d/f && chown -R 77:78 /d && mkfifo /d/p && ln -s f /d/l && ln /d/f /d/h && chmod 4755 /d/f
RUN rm -rf /bin/zcat && mkdir -p /e/a/b
RUN rm -r /d /e/a && mkdir /d /e/a && echo new > /d/x
USER 77:78
RUN id > /tmp/id
WORKDIR /w/z
COPY --chown=5:6 Dockerfile ./
`

test('the same Dockerfile gives the same image as for root', () => {
  const context = join(user.home, 'ctx')
  writeFileSync(join(context, 'Dockerfile'), dockerfile)
  const made = user.ok('build', '-q', '-t', 'same', 'ctx')
  assert.equal(made, root.ok('build', '-q', context))
  assert.equal(user.ok('repro', 'check', '-q', 'ctx'), `reproducible: two builds gave ${made}`)
  const shown = user.ok(
    'run',
    '--rm',
    '--network',
    'none',
    'same',
    'sh',
    '-c',
    'id -u; cat /tmp/id; ls /d /e/a; stat -c %u:%g Dockerfile',
  )
  assert.equal(shown, '77\nuid=77 gid=78 groups=78\n/d:\nx\n\n/e/a:\n5:6')
})

test('containers run, are seen by later commands, and go', () => {
  user.ok(
    'run',
    '-d',
    '--name',
    'long',
    '--network',
    'none',
    'busybox',
    'sh',
    '-c',
    'echo out; echo err >&2; sleep 60',
  )
  assert.match(user.ok('ps'), /long/)
  assert.equal(user.ok('exec', 'long', 'sh', '-c', 'echo text > /made; id -u'), '0')
  assert.match(user.ok('diff', 'long'), /A \/made/)
  user.ok('commit', 'long', 'kept')
  assert.equal(user.ok('run', '--rm', '--network', 'none', 'kept', 'cat', '/made'), 'text')
  assert.equal(user.run('logs', 'long').out, 'out\n')
  assert.equal(user.run('run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'exit 7').code, 7)
  user.ok('rm', '-f', 'long')
  assert.deepEqual(readdirSync(join(user.home, 'share/mille/snapshots/active')), [])
})

test('a published port is reached through pasta, and free again afterwards', async () => {
  mkdirSync(join(user.home, 'ctx/www'), { recursive: true })
  writeFileSync(join(user.home, 'ctx/www/index.html'), 'a page')
  user.ok(
    'run',
    '-d',
    '--name',
    'web',
    '-p',
    '80',
    '-v',
    `${user.home}/ctx/www:/www:ro`,
    'busybox',
    'httpd',
    '-f',
    '-h',
    '/www',
  )
  const [, port = ''] = /:(\d+)$/m.exec(user.ok('port', 'web')) ?? []
  let text = ''
  await until(async () => {
    text = await fetch(`http://127.0.0.1:${port}/`)
      .then((answer) => answer.text())
      .catch(() => '')
    return text !== ''
  })
  assert.equal(text, 'a page')
  user.ok('rm', '-f', 'web')
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
})

test('what cannot be done for an ordinary user is said', () => {
  user.ok('run', '-d', '--name', 'still', '--network', 'none', 'busybox', 'sleep', '60')
  const paused = user.run('pause', 'still')
  assert.equal(paused.code, 1)
  assert.match(paused.err, /cannot pause .*no control groups here/)
  user.ok('rm', '-f', 'still')
})

test('what a command prints and reads before it opens the store comes once', () => {
  const pulled = user.run('pull', '127.0.0.1:1/x')
  assert.equal(pulled.code, 1)
  assert.equal(pulled.out, 'Using default tag: latest\n')
  const login = user.runWith('secret\n', 'login', '-u', 'me', '--password-stdin', '127.0.0.1:1')
  assert.match(login.err, /^Error response from daemon: cannot reach registry 127\.0\.0\.1:1: [^\n]*\n$/)
})

test('limits that cannot be applied are named, and the rest is done', () => {
  const ran = user.run(
    'run',
    '--rm',
    '-m',
    '50m',
    '--cpus',
    '1',
    '--network',
    'none',
    'busybox',
    'echo',
    'ran',
  )
  assert.deepEqual([ran.code, ran.out], [0, 'ran\n'])
  for (const limit of ['memory', 'CPU cfs quota'])
    assert.match(ran.err, new RegExp(`does not support ${limit} limit`))
  writeFileSync(join(user.home, 'ctx', 'Dockerfile'), 'FROM busybox\nRUN true\n')
  const built = user.run('build', '-m', '50m', 'ctx')
  assert.equal(built.code, 0)
  assert.match(built.err, /cannot enforce the limit memory/)
})

test("a privileged container is root over the user's own ids", () => {
  assert.equal(user.ok('run', '--rm', '--privileged', '--network', 'none', 'busybox', 'id', '-u'), '0')
})

test('without subordinate ids the error says what to do', () => {
  const words = [
    '--reuid=54321',
    '--regid=54321',
    '--clear-groups',
    join(user.home, 'package/bin/mille'),
    'images',
  ]
  const env = { PATH: `${user.home}/bin:/usr/bin:/bin`, HOME: '/nonexistent' }
  const { status, stderr } = spawnSync('setpriv', words, { env, encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /mille cannot work for an ordinary user here: .*usermod --add-subuids/)
})
