import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildRequest, BuildResult, SecretSource, SshSource } from '../../src/builder/build.ts'
import { readMessages, openAgent } from '../../src/builder/ssh/agent.ts'
import { serveAgent } from '../../src/builder/ssh/serve-agent.ts'
import { string, uint32, WireReader } from '../../src/builder/ssh/wire.ts'
import { storeStateFolder } from '../../src/engine/state-folder.ts'
import { isMilleError } from '../../src/util/errors.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import { testMille } from '../support/mille.ts'

let builds: CopyBuilds

before(async () => {
  builds = await openCopyBuilds()
})
after(async () => {
  await builds[Symbol.asyncDispose]()
})

const secret = (id: string, value: string): SecretSource => ({
  id,
  read: () => Promise.resolve(Buffer.from(value)),
})

async function build(lines: readonly string[], options: Partial<BuildRequest> = {}): Promise<BuildResult> {
  return await builds.build(['FROM busybox', ...lines], options)
}

const refused = (
  lines: readonly string[],
  text: RegExp,
  options: Partial<BuildRequest> = {},
): Promise<void> => builds.refused(['FROM busybox', ...lines], text, options)

test('a secret is a file, a variable, or both, of the owner and mode asked for', async () => {
  const result = await build(
    [
      'RUN --mount=type=secret,id=s stat -c "%a %u:%g" /run/secrets/s; cat /run/secrets/s; touch /run/secrets/s 2>&1 || echo ro',
      'RUN --mount=type=secret,id=s,env=TOKEN echo "$TOKEN"; ls /run/secrets 2>&1 || true',
      'RUN --mount=type=secret,id=s,env=TOKEN,target=/etc/deep/token,uid=1000,gid=10,mode=0440 echo $TOKEN; stat -c "%a %u:%g" /etc/deep/token',
      'RUN --mount=type=secret,target=/etc/s head -c 3 /etc/s; echo',
      'RUN ls /run /etc/deep /etc/s 2>&1 | wc -l; touch /o',
    ],
    { secrets: [secret('s', 'value\n')] },
  )
  assert.match(
    builds.output(),
    /^400 0:0\nvalue\n.*Read-only.*\nro\nvalue\n\nls: .*\nvalue\n440 1000:10\nval\n3\n$/s,
  )
  assert.ok(result.id)
})

test('one that was not given: empty, or an error with its line where it is required', async () => {
  await build(['RUN --mount=type=secret,id=none,env=NONE echo "[$NONE]"; ls /run/secrets 2>&1 | wc -l'])
  assert.equal(builds.output(), '[]\n1\n')
  await refused(
    ['RUN true', 'RUN --mount=type=secret,id=tokn,required true'],
    /3:13\n[\s\S]*\| {13}\^+\n[\s\S]*secret "tokn" is required here: give it with --secret id=tokn,src=FILE \(did you mean token\?\)/,
    { secrets: [secret('token', '')] },
  )
  const failing = { id: 's', read: () => Promise.reject(new Error('boom')) }
  await assert.rejects(build(['RUN --mount=type=secret,id=s ls'], { secrets: [failing] }), /boom/)
  const large = secret('s', 'x'.repeat(600_000))
  await refused(['RUN --mount=type=secret,id=s true # large'], /larger than 512000 bytes/, {
    secrets: [large],
  })
})

test('the value of a secret is no part of the key', async () => {
  const line = ['RUN --mount=type=secret,id=k,env=K test -n "$K" && touch /done']
  const first = await build(line, { secrets: [secret('k', 'one')] })
  const second = await build(line, { secrets: [secret('k', 'two')] })
  assert.equal(second.steps.at(-1)?.cached, true)
  assert.equal(second.id, first.id)
  const without = await build(line)
  assert.equal(without.steps.at(-1)?.cached, true, 'what is cached needs no secret')
})

test('no trace of a secret: not in the store, the database, the state, history, errors (C-B9)', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const marker = `mark-${randomBytes(12).toString('hex')}`
  const file = join(builds.context, '..', `${marker.slice(0, 12)}.secret`)
  writeFileSync(file, marker)
  const dockerfile = [
    'FROM busybox',
    'RUN --mount=type=secret,id=f wc -c < /run/secrets/f > /size',
    'RUN --mount=type=secret,id=e,env=TOKEN test -n "$TOKEN" && mkdir -p /a/b',
    'RUN --mount=type=secret,id=f,target=/root/.npmrc --mount=type=cache,target=/root/.npm cp /size /root/.npm',
    'RUN --mount=type=secret,id=e,env=TOKEN --mount=type=secret,id=f false',
  ]
  const flags = ['--secret', `id=f,src=${file}`, '--secret', 'id=e,env=THE_TOKEN', '--progress=plain']
  const failed = mille.run(['build', ...flags, '-t', 'x', '-'], {
    input: dockerfile.join('\n'),
    env: { THE_TOKEN: marker },
  })
  assert.equal(failed.code, 1)
  const built = mille.run(['build', ...flags, '-t', 'x', '--why', '-'], {
    input: dockerfile.slice(0, 4).join('\n'),
    env: { THE_TOKEN: marker },
  })
  assert.equal(built.code, 0, built.err)
  const shown =
    mille.ok('history', '--no-trunc', 'x') + mille.ok('inspect', 'x') + mille.ok('builder', 'du', '--verbose')
  for (const text of [failed.out, failed.err, built.out, built.err, shown]) assert.ok(!text.includes(marker))
  for (const place of [mille.root, storeStateFolder(mille.root)].filter((path) => existsSync(path))) {
    const { stdout, status } = spawnSync('grep', ['-rlaF', '--devices=skip', marker, place], {
      encoding: 'utf8',
    })
    assert.deepEqual([stdout, status], ['', 1], place)
  }
})

test('--secret: file, variable, by its name; what is wrong is one line and exit code 1 (D-C6)', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const run = (flag: string, input: string): { code: number; err: string } =>
    mille.run(['build', '--progress=plain', '--secret', flag, '-'], {
      input: `FROM busybox\nRUN ${input}`,
      env: { FROM_ENV: 'variable', named: 'by name' },
      cwd: builds.context,
    })
  builds.write('in.txt', 'from file')
  const cat = (id: string): string => `--mount=type=secret,id=${id},required cat /run/secrets/${id}`
  assert.match(run('id=a,src=in.txt', cat('a')).err, /from file/)
  assert.match(run('type=env,id=b,src=FROM_ENV', cat('b')).err, /variable/)
  assert.match(run('id=named', cat('named')).err, /by name/)
  assert.match(run('id=in.txt', cat('in.txt')).err, /from file/)
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['id=x,src=nope', /nope: no such file or directory/],
    ['src=in.txt', /secret missing ID/],
    ['id=x,scr=in.txt', /unexpected key 'scr' \(did you mean src\?\)/],
    ['id=x,type=envv,src=in.txt', /unsupported secret type "envv"/],
    ['id=x,foo', /invalid field 'foo' must be a key=value pair/],
    ['id=x,src=.', /\. is not a file/],
  ]
  for (const [flag, text] of wrong) {
    const { code, err } = run(flag, 'true')
    assert.equal(code, 1, flag)
    assert.match(err, text)
    assert.equal(err.trim().split('\n').length, 1, err)
  }
  const missing = run('id=other,src=in.txt', cat('token'))
  assert.equal(missing.code, 1)
  assert.match(missing.err, /secret "token" is required here/)
})

/** An agent that answers each request with what it was asked, and remembers it. */
async function fakeAgent(path: string, seen: number[]): Promise<Server> {
  const server = createServer((socket) => {
    void (async () => {
      for await (const message of readMessages(socket)) {
        seen.push(message[0] ?? 0)
        socket.write(string(Buffer.concat([Buffer.from([12]), uint32(0)])))
      }
    })().catch(() => {})
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return server
}

test('an agent is forwarded for listing and signing, and for nothing that would change it', async () => {
  const seen: number[] = []
  const path = join(builds.context, 'agent.sock')
  const server = await fakeAgent(path, seen)
  const ssh: readonly SshSource[] = [{ id: 'default', agent: { kind: 'socket', path } }]
  await build(
    [
      'RUN --mount=type=ssh stat -c "%F %a %u:%g" $SSH_AUTH_SOCK; echo $SSH_AUTH_SOCK',
      'RUN --mount=type=ssh,target=/tmp/a.sock,mode=0666,uid=1000 --mount=type=ssh,id=default stat -c "%a %u:%g" /tmp/a.sock /run/buildkit/ssh_agent.1; echo $SSH_AUTH_SOCK',
    ],
    { ssh },
  )
  assert.equal(
    builds.output(),
    'socket 600 0:0\n/run/buildkit/ssh_agent.0\n666 1000:0\n600 0:0\n/tmp/a.sock\n',
  )
  const deep = join(builds.context, 'd'.repeat(100), 'e'.repeat(100))
  mkdirSync(deep, { recursive: true })
  await using served = await serveAgent(ssh[0] ?? { id: '', agent: { kind: 'socket', path } }, deep, 's', {
    mode: 0o600,
    uid: 0,
    gid: 0,
  })
  // a path of a socket has at most 107 bytes: the test has to go the way of a mount
  symlinkSync(deep, join(builds.context, 'short'))
  assert.equal(served.path, join(deep, 's'))
  const client = createConnection({ path: join(builds.context, 'short/s') })
  const answers = readMessages(client)
  const received: string[] = []
  // list, remove all, lock, sign, add, an extension; two of them at once
  for (const types of [[11, 19], [22], [13], [17], [27]]) {
    client.write(Buffer.concat(types.map((type) => string(Buffer.from([type])))))
    for (const _ of types) received.push(((await answers.next()).value ?? Buffer.alloc(0)).toString('hex'))
  }
  client.destroy()
  assert.deepEqual(received, ['0c00000000', '05', '05', '0c00000000', '05', '05'])
  assert.deepEqual([...new Set(seen)].sort(), [11, 13])
  server.close()
})

test('an agent that was not given', async () => {
  await build(['RUN --mount=type=ssh [ ! -e "$SSH_AUTH_SOCK" ] && echo none'])
  assert.equal(builds.output(), 'none\n')
  await refused(
    ['RUN --mount=type=ssh,required true'],
    /ssh agent "default" is required here: give it with --ssh default/,
  )
  const gone: readonly SshSource[] = [{ id: 'default', agent: { kind: 'socket', path: '/nowhere/agent' } }]
  await refused(['RUN --mount=type=ssh echo'], /cannot reach the ssh agent at \/nowhere\/agent/, {
    ssh: gone,
  })
})

for (const [type, options, hash] of [
  ['ed25519', {}, null],
  ['ec', { namedCurve: 'P-256' }, 'sha256'],
  ['ec', { namedCurve: 'P-521' }, 'sha512'],
  ['rsa', { modulusLength: 2048 }, 'sha512'],
] as const) {
  test(`an agent of a private key signs: ${type} ${JSON.stringify(options)}`, async () => {
    const pair = generateKeyPairSync(type as 'rsa', options as { modulusLength: number })
    const text = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    using agent = await openAgent({ id: 'k', agent: { kind: 'keys', keys: [{ name: 'key', text }] } })
    const list = new WireReader((await agent.request(Buffer.from([11]))).subarray(1))
    assert.equal(list.uint32(), 1)
    const publicKey = list.string()
    const data = Buffer.from('sign this')
    const request = Buffer.concat([Buffer.from([13]), string(publicKey), string(data), uint32(4)])
    const answer = await agent.request(request)
    assert.equal(answer[0], 14)
    const blob = new WireReader(new WireReader(answer.subarray(1)).string())
    const name = blob.string().toString()
    let signature = blob.string()
    if (type === 'ec') {
      const numbers = new WireReader(signature)
      const size = hash === 'sha256' ? 32 : 66
      const pad = (bytes: Buffer): Buffer => Buffer.concat([Buffer.alloc(size - bytes.length), bytes])
      signature = Buffer.concat([pad(numbers.mpint()), pad(numbers.mpint())])
    }
    assert.match(name, /^(ssh-ed25519|ecdsa-sha2-nistp(256|521)|rsa-sha2-512)$/)
    const key = createPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' }))
    assert.ok(verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature))
    assert.equal((await agent.request(request.subarray(0, 20)))[0], 5, 'cut')
  })
}

test(
  'a key in OpenSSH form, and one that is locked',
  { skip: !existsSync('/usr/bin/ssh-keygen') },
  async () => {
    for (const type of ['ed25519', 'rsa', 'ecdsa']) {
      const path = join(builds.context, `id_${type}`)
      spawnSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'test', '-f', path])
      const text = readFileSync(path, 'utf8')
      using agent = await openAgent({ id: 'k', agent: { kind: 'keys', keys: [{ name: path, text }] } })
      const list = new WireReader((await agent.request(Buffer.from([11]))).subarray(1))
      list.uint32()
      const own = readFileSync(`${path}.pub`, 'utf8').split(' ')[1] ?? ''
      assert.equal(list.string().toString('base64'), own, type)
      spawnSync('ssh-keygen', ['-q', '-p', '-N', 'phrase', '-P', '', '-f', path])
      const locked = readFileSync(path, 'utf8')
      await assert.rejects(
        openAgent({ id: 'k', agent: { kind: 'keys', keys: [{ name: path, text: locked }] } }),
        (error) => isMilleError(error, 'SSH_KEY_INVALID') && /passphrase/.test(error.message),
      )
    }
  },
)
