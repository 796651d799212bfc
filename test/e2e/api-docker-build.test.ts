import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { testMille, type Ran, type TestMille } from '../support/mille.ts'
import { serveApi, type TestApi } from '../support/serve-api.ts'
import { until } from '../support/until.ts'

/** The classic builder of the docker client, `DOCKER_BUILDKIT=0`. */
describe('docker build on mille serve', () => {
  let mille: TestMille
  let api: TestApi
  let folder: string
  before(async () => {
    mille = testMille()
    mille.ok('image', 'bootstrap', 'busybox')
    api = await serveApi(mille)
    folder = join(mille.root, 'context')
    mkdirSync(folder)
  })
  after(async () => {
    await api.stop()
    mille[Symbol.dispose]()
  })

  const write = (dockerfile: string): void => writeFileSync(join(folder, 'Dockerfile'), dockerfile)
  const build = (...args: readonly string[]): Ran =>
    api.docker(['build', ...args, folder], { env: { DOCKER_BUILDKIT: '0' } })

  test('the whole language is there; steps, their output, ID and names are told as Docker tells them', () => {
    writeFileSync(join(folder, 'file'), 'content')
    write(
      'FROM busybox AS made\nARG WHO\nRUN <<EOF\necho "hello $WHO"\necho made > /made\nEOF\nFROM busybox\nCOPY --from=made /made /\nCOPY file /\nCMD ["cat", "/made", "/file"]\n',
    )
    const first = build('-t', 'app:1', '--build-arg', 'WHO=you', '--label', 'a=b')
    assert.equal(first.code, 0, first.err)
    assert.match(first.out, /Step 1\/\d+ : FROM .*busybox/)
    assert.match(first.out, /\nhello you\n/)
    const [, id = ''] =
      /\nSuccessfully built ([0-9a-f]{12})\nSuccessfully tagged app:1\n$/.exec(first.out) ?? []
    assert.ok(api.ok('images', '-q', '--no-trunc', 'app:1').startsWith(`sha256:${id}`), first.out)
    assert.equal(api.ok('run', '--rm', '--network', 'none', 'app:1'), 'made\ncontent')
    assert.equal(api.ok('inspect', '--format', '{{.Config.Labels.a}}', 'app:1'), 'b')
    const second = build('-t', 'app:1', '--build-arg', 'WHO=you', '--label', 'a=b')
    assert.match(second.out, /Step 2\/\d+ : RUN <<EOF.*\n[^]*? ---> Using cache\n/)
    assert.doesNotMatch(second.out, /\nhello you\n/)
    assert.equal(
      build('-q', '-t', 'app:1', '--build-arg', 'WHO=you', '--label', 'a=b').out.trim(),
      api.ok('images', '-q', '--no-trunc', 'app:1'),
    )
  })

  test('a step that fails ends the build with its code, a mistake in the Dockerfile with its line', () => {
    write('FROM busybox\nRUN exit 3\n')
    const failed = build()
    assert.equal(failed.code, 3)
    assert.match(failed.err, /The command '\/bin\/sh -c exit 3' returned a non-zero code: 3/)
    write('FROM busybox\nRUM x\n')
    const mistaken = build()
    assert.equal(mistaken.code, 1)
    assert.match(mistaken.err, /Dockerfile:2/)
    assert.match(build('-f', join(folder, 'file')).err, /unknown instruction|parse error/i)
  })

  const post = (
    path: string,
    body: string | Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<string> =>
    new Promise((resolve, reject) => {
      request({ socketPath: api.socket, method: 'POST', path, headers }, (response) => {
        let text = `${response.statusCode} `
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text))
      })
        .on('error', reject)
        .end(body)
    })

  test('secrets come in a header of mille, and are in no answer', async () => {
    const dockerfile = 'FROM busybox\nRUN --mount=type=secret,id=key wc -c < /run/secrets/key\n'
    const secrets = { key: Buffer.from('very secret').toString('base64') }
    const header = Buffer.from(JSON.stringify(secrets)).toString('base64')
    const told = await post('/build', dockerfile, { 'X-Mille-Build-Secrets': header })
    assert.match(told, /"stream":"11\\n"/)
    assert.doesNotMatch(told, /very secret/)
    assert.match(
      await post('/build', dockerfile, { 'X-Mille-Build-Secrets': 'bm8=' }),
      /^400 .*invalid X-Mille-Build-Secrets header/,
    )
  })

  test('nothing of this machine is a context or a Dockerfile (C-A6)', async () => {
    for (const remote of ['file:///etc', '/etc', 'unix:///run/x', '../x', 'ftp://host/x'])
      assert.match(
        await post(`/build?remote=${encodeURIComponent(remote)}`, ''),
        /^400 .*invalid remote/,
        remote,
      )
    const tar = tarOf('Dockerfile', 'FROM busybox\n')
    for (const path of ['../../etc/passwd', '/etc/passwd'])
      assert.match(
        await post(`/build?dockerfile=${encodeURIComponent(path)}`, tar),
        /^4\d\d .*no etc\/passwd/,
        path,
      )
    assert.match(await post('/build?buildargs={', tar), /^400 .*buildargs is no JSON/)
    assert.match(await post('/build?version=2', tar), /^501 /)
    assert.match(
      await post('/build', tar, { 'X-Registry-Config': 'bm8=' }),
      /^400 .*invalid X-Registry-Config header/,
    )
  })

  test('a build whose client leaves is ended, and the cache is pruned', async () => {
    const seconds = String(300_000 + process.pid)
    write(`FROM busybox\nRUN echo begun && sleep ${seconds}\n`)
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${api.socket}`,
      DOCKER_BUILDKIT: '0',
      DOCKER_CONFIG: mille.root,
    }
    const client = spawn('docker', ['build', folder], { env })
    for await (const chunk of client.stdout) if (String(chunk).includes('begun\n')) break
    client.kill('SIGKILL')
    await once(client, 'exit')
    await until(() => !isRunning(`sleep\0${seconds}`))
    const pruned = JSON.parse((await api.call('POST', '/build/prune?all=1')).body)
    assert.ok(pruned.CachesDeleted.length > 0)
  })
})

/** A process of the machine with these first words. */
function isRunning(words: string): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`).toString().startsWith(words)
    } catch {
      return false
    }
  })
}

/** A tar of one file. */
function tarOf(name: string, content: string): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        0ustar\x0000', 148)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  const body = Buffer.alloc(512)
  body.write(content)
  return Buffer.concat([header, body, Buffer.alloc(1024)])
}
