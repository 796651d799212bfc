import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openStore } from '../../src/store/open-store.ts'
import { makeBusyboxImage } from '../support/busybox-image.ts'
import { leftovers, look, runMille } from '../support/kill-sweep.ts'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
before(async () => {
  mille = testMille()
  mille.ok('image', 'ls')
  await using store = await openStore(mille.root)
  await makeBusyboxImage(store)
})
after(() => mille[Symbol.dispose]())

function context(name: string, dockerfile: string): string {
  const folder = join(mille.root, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), dockerfile)
  writeFileSync(join(folder, 'a'), 'a')
  return folder
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`B-BD-2 ${signal} during a build: exit ${String(code)}, no image, nothing left`, async () => {
    const folder = context('slow', `FROM busybox\nRUN echo begun-${signal}; sleep 60\n`)
    const child = mille.start('build', '--progress', 'plain', '-t', 'slow', folder)
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the build ended by itself')))
      child.stderr?.on('data', (chunk: Buffer) => {
        if (/\d begun-/.test(String(chunk))) resolve()
      })
    })
    child.kill(signal)
    const [ended] = (await once(child, 'exit')) as [number]
    assert.equal(ended, code)
    assert.deepEqual([...(await look(mille.root)).lines], ['busybox:latest'])
    assert.deepEqual(leftovers(mille.root), [])
  })

  test(`B-PL-8 ${signal} while a registry says nothing: exit ${String(code)}`, async () => {
    await using server = createServer(() => {})
    server.listen(0, '127.0.0.1')
    const asked = once(server, 'request')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const child = mille.start('pull', `127.0.0.1:${String(port)}/x:1`)
    const ended = once(child, 'exit').then(() => assert.fail('the pull ended by itself'))
    // it ends by the signal later
    ended.catch(() => {})
    await Promise.race([asked, ended])
    child.kill(signal)
    assert.deepEqual(await once(child, 'exit'), [code, null])
    server.closeAllConnections()
    assert.deepEqual(leftovers(mille.root), [])
  })
}

test('B-ST-13 many commands at once: honest conflicts only, a sound store, nothing left', async () => {
  const folder = context('many', 'FROM busybox\nARG N\nRUN echo $N > /n\nCOPY a /a\n')
  const archive = join(mille.root, 'box.tar')
  mille.ok('save', '-o', archive, 'busybox')
  const commands = (n: number): readonly (readonly string[])[] => [
    ['build', '-q', '-t', `many${String(n % 3)}`, '--build-arg', `N=${String(n % 4)}`, folder],
    ['run', '--rm', '--network', 'none', 'busybox', 'true'],
    ['rmi', `many${String(n % 3)}`],
    ['image', 'prune', '-f'],
    ['load', '-q', '-i', archive],
    ['builder', 'prune', '-f'],
    ['image', 'ls', '-a'],
    ['ps', '-a'],
  ]
  const honest = /No such image: many|No such container|is using its referenced image/
  const work = async (worker: number): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) {
      const all = commands(worker + turn)
      const args = all[(worker + turn) % all.length] ?? []
      const { code, err } = await runMille(mille.root, args)
      if (code !== 0) assert.match(err, honest, args.join(' '))
    }
  }
  await Promise.all(Array.from({ length: 16 }, (_, worker) => work(worker)))
  await look(mille.root)
  mille.ok('system', 'prune', '-f')
  assert.deepEqual(leftovers(mille.root), [])
  await look(mille.root)
})

/** Runs a shell line in which `mille` is the real command. */
function shell(line: string): { readonly code: number | null; readonly out: string; readonly err: string } {
  const bin = resolve(import.meta.dirname, '../../bin')
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line], {
    env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, MILLE_ROOT: mille.root },
  })
  return { code: status, out: stdout.toString(), err: stderr.toString() }
}

test('B-ST-17 a reader that goes away ends the command quietly', () => {
  mille.ok('create', '--name', 'piped', 'busybox')
  for (const command of ['save busybox', 'export piped', 'cp piped:/bin -']) {
    assert.deepEqual(
      shell(`{ mille ${command}; echo "exit $?" >&2; } | head -c 1 >/dev/null`),
      { code: 0, out: '', err: 'exit 141\n' },
      command,
    )
  }
  mille.ok('rm', 'piped')
})

test('B-ST-16 with few open files a build and a container work', () => {
  const folder = context('few', 'FROM busybox\nRUN echo 1 > /b\nCOPY a /c/\n')
  const { code, out, err } = shell(
    `ulimit -n 64; mille build -q -t few ${folder} && mille run --rm --network none few cat /b /c/a && mille rmi few`,
  )
  assert.equal(code, 0, err)
  assert.match(out, /^sha256:[0-9a-f]{64}\n1\naUntagged/)
})

test('C-B9, C-W8: passwords of registries and URLs appear nowhere', async () => {
  const marker = `marker${String(process.pid)}x${String(Date.now())}`
  await using server = createServer((_, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const folder = context('secret', `FROM busybox\nADD http://user:${marker}1@${host}/file /file\n`)
  mkdirSync(join(mille.root, 'docker'), { recursive: true })
  const auth = Buffer.from(`user:${marker}2`).toString('base64')
  writeFileSync(join(mille.root, 'docker/config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
  const env = { DOCKER_CONFIG: join(mille.root, 'docker'), MILLE_DEBUG: '1' }
  let said = ''
  for (const args of [
    ['build', '--progress', 'plain', '-t', 'secret', folder],
    ['build', '--progress', 'rawjson', '--why', '-t', 'secret', folder],
    ['pull', `${host}/x:1`],
    ['login', '-u', 'user', '-p', `${marker}3`, host],
    ['import', `http://user:${marker}4@${host}/x.tar`],
  ]) {
    const { code, out, err } = await runMille(mille.root, args, env)
    assert.notEqual(code, 0)
    said += out + err
  }
  await delay(0)
  for (const secret of [marker, auth]) {
    assert.ok(!said.includes(secret), said)
    for (const file of readdirSync(mille.root, { recursive: true, withFileTypes: true })) {
      const path = join(file.parentPath, file.name)
      if (!file.isFile() || path.startsWith(join(mille.root, 'docker')) || path.startsWith(folder)) continue
      assert.ok(!readFileSync(path).includes(secret), path)
    }
  }
})
