import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { readText } from '../../src/util/read-text.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import { startGitServer } from '../support/git-server.ts'
import { testMille } from '../support/mille.ts'

/** A file server; `stop` ends it, so that what is asked of it afterwards fails. */
async function serveFile(content: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((_, response) => response.writeHead(200, { etag: '"1"' }).end(content))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/file`,
    stop: () => new Promise((done) => void server.close(() => done()).closeAllConnections()),
  }
}

test('sources that were fetched before are enough, at the state they had', async () => {
  await using builds = await openCopyBuilds()
  const files = await serveFile('from the net')
  const git = await startGitServer()
  git.commit('app', { a: '1' })
  const lines = ['FROM busybox', `ADD ${files.url} /o/`, `ADD ${git.url}/app.git /o/git`, 'RUN cat /o/git/a']
  const online = await builds.build(lines)
  const later = git.commit('app', { a: '2' })
  await git[Symbol.asyncDispose]()
  await files.stop()
  const offline = await builds.build(lines, { offline: true, noCache: true })
  assert.equal(offline.id, online.id)
  const cached = await builds.build(lines, { offline: true })
  assert.ok(cached.steps.every((step) => step.cached))
  const missing = async (line: string): Promise<string> => {
    const error = await builds
      .build(['FROM busybox', line], { offline: true })
      .catch((reason: unknown) => reason)
    return (error as Error).message.split('\n').at(-1) ?? ''
  }
  assert.equal(
    await missing(`ADD ${files.url}2 /`),
    `error: the build is offline, and ${files.url}2 is not here: it was never fetched`,
  )
  assert.equal(
    await missing(`ADD ${git.url}/app.git#next /`),
    `error: the build is offline, and next of ${git.url}/app.git is not here: its server was never asked for it`,
  )
  assert.equal(
    await missing(`ADD ${git.url}/app.git#${later} /`),
    `error: the build is offline, and commit ${later.slice(0, 12)} of ${git.url}/app.git is not here: it was never fetched`,
  )
  await assert.rejects(
    builds.build(['FROM busybox', 'RUN exit 3'], { offline: true }),
    /exit code: 3 \(the build is offline: steps have no network\)$/m,
  )
})

function makeContext(t: TestContext, lines: readonly string[]): string {
  const context = mkdtempSync(join(tmpdir(), 'mille-offline-'))
  t.after(() => rmSync(context, { recursive: true }))
  cpSync('/bin/busybox', join(context, 'busybox'))
  writeFileSync(join(context, 'Dockerfile'), lines.join('\n'))
  return context
}

test('no socket of any network is opened, and none is needed', async (t) => {
  using mille = testMille()
  const files = await serveFile('from the net')
  const lines = ['FROM scratch', 'COPY busybox /bin/sh', `ADD ${files.url} /`, 'RUN echo 1 > /1']
  const context = makeContext(t, lines)
  // in the background: the server is in this process
  const online = mille.start('build', '-q', context)
  const code = await new Promise((done) => online.once('close', done))
  assert.equal(code, 0)
  await files.stop()
  const program = resolve(import.meta.dirname, '../../bin/mille')
  const env = { ...process.env, MILLE_ROOT: mille.root }
  const trace = join(context, 'trace')
  writeFileSync(
    join(context, 'Dockerfile'),
    [...lines, 'COPY Dockerfile /again', `ADD ${files.url} /again2`].join('\n'),
  )
  const traced = spawnSync(
    'strace',
    ['-f', '-e', 'trace=socket,connect', '-o', trace, program, 'build', '-q', '--offline', context],
    { env },
  )
  assert.equal(traced.status, 0, traced.stderr.toString())
  assert.doesNotMatch(readText(trace), /AF_INET|AF_NETLINK|AF_PACKET/)
  const alone = spawnSync('unshare', ['--net', program, 'build', '-q', '--offline', '--no-cache', context], {
    env,
  })
  assert.equal(alone.status, 0, alone.stderr.toString())
  assert.equal(alone.stdout.toString(), traced.stdout.toString())
  // its second build has a store of its own
  const check = ['--net', program, 'repro', 'check', '-q', '--offline', context]
  const checked = spawnSync('unshare', check, { env })
  assert.equal(checked.stderr.toString(), '')
  assert.equal(checked.stdout.toString(), `reproducible: two builds gave ${alone.stdout.toString()}`)
})

test('what is missing, and what cannot be done, is said at once', (t) => {
  using mille = testMille()
  const context = makeContext(t, ['FROM nowhere.invalid/app:1'])
  const errorOf = (...flags: readonly string[]): string => {
    const { code, err } = mille.run(['build', '--offline', ...flags, context])
    assert.equal(code, 1)
    return err.trimEnd().split('\n').at(-1) ?? ''
  }
  assert.match(
    errorOf('--platform', 'linux/amd64'),
    /the build is offline, and image nowhere\.invalid\/app:1 for linux\/amd64 is not here: bring it before, as with mille pull nowhere\.invalid\/app:1$/,
  )
  assert.match(errorOf('--pull'), /a build that is offline cannot pull its base images/)
  assert.match(errorOf('--push', '-t', 'x'), /a build that is offline cannot push its result$/)
})
