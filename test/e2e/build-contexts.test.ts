import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import type { BuildResult, NamedContext } from '../../src/builder/build.ts'
import { parseGitReference } from '../../src/dockerfile/git-reference.ts'
import type { GitReference } from '../../src/dockerfile/git-reference.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import type { GitServer } from '../support/git-server.ts'
import type { Ran } from '../support/mille.ts'
import { testMille } from '../support/mille.ts'
import { startGitServer } from '../support/git-server.ts'

let builds: CopyBuilds
let server: GitServer
let other: string
const bodies = new Map<string, Buffer>()
const files = createServer((request, response) => response.end(bodies.get(request.url ?? '')))
let url: string

before(async () => {
  builds = await openCopyBuilds()
  server = await startGitServer()
  other = mkdtempSync(join(tmpdir(), 'mille-other-'))
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(files.address() as AddressInfo).port}`
})
after(async () => {
  files.close()
  rmSync(other, { recursive: true })
  await server[Symbol.asyncDispose]()
  await builds[Symbol.asyncDispose]()
})

const git = (text: string): NamedContext & { kind: 'git' } => ({
  kind: 'git',
  reference: parseGitReference(text) as GitReference,
})

function tarOf(entries: Readonly<Record<string, string>>, ...flags: string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'mille-tar-'))
  for (const [name, text] of Object.entries(entries)) writeFileSync(join(folder, name), text)
  const tar = execFileSync('tar', ['-C', folder, '-c', ...flags, '.'])
  rmSync(folder, { recursive: true })
  return tar
}

test('a git repository as context: its Dockerfile, its folder; no ignore file is asked', async () => {
  const dockerfile = 'FROM busybox\nCOPY . /o/\n'
  server.commit('context', {
    Dockerfile: dockerfile,
    'sub/Dockerfile': dockerfile,
    'sub/f': 'f',
    '.dockerignore': '*',
  })
  const root = await builds.tool.build({ context: git(`${server.url}/context.git`) })
  assert.deepEqual(
    (await builds.list(root)).map((line) => line.split(' ')[0]),
    ['.dockerignore', 'Dockerfile', 'sub', 'sub/Dockerfile', 'sub/f'],
  )
  const sub = await builds.tool.build({ context: git(`${server.url}/context.git#:sub`) })
  assert.ok((await builds.list(sub)).includes('f 644 0:0 = f'))
  const kept = await builds.tool.build({
    context: git(`${server.url}/context.git`),
    buildArgs: { BUILDKIT_CONTEXT_KEEP_GIT_DIR: '1' },
  })
  assert.ok((await builds.list(kept)).some((line) => line.startsWith('.git/HEAD ')))
  await assert.rejects(builds.tool.build({ context: git(`${server.url}/context.git#nope`) }), {
    code: 'GIT_REF_NOT_FOUND',
  })
  await assert.rejects(
    builds.tool.build({
      context: git(`${server.url}/context.git`),
      dockerfile: { kind: 'path', path: '../../x' },
    }),
    { code: 'DOCKERFILE_NOT_FOUND', message: /context\.git has no x/ },
  )
})

test('tars in every compression from standard input and a URL, text as a Dockerfile', async () => {
  const entries = { Dockerfile: 'FROM busybox\nCOPY . /o/\n', data: 'd', '.dockerignore': 'data' }
  const names = ['.dockerignore', 'Dockerfile', 'data']
  const check = async (made: BuildResult): Promise<void> => {
    assert.deepEqual(
      (await builds.list(made)).map((line) => line.split(' ')[0]),
      names,
    )
  }
  for (const flag of ['', '-z', '-j', '-J', '--zstd']) {
    const tar = tarOf(entries, ...(flag === '' ? [] : [flag]))
    const stream = Readable.from([tar], { objectMode: false })
    await check(await builds.tool.build({ context: { kind: 'stream', stream } }))
    bodies.set(`/c${flag}`, tar)
    await check(await builds.tool.build({ context: { kind: 'http', url: `${url}/c${flag}` } }))
  }
  bodies.set('/Dockerfile', Buffer.from('FROM busybox\nRUN mkdir /o && echo text > /o/x\n'))
  const text = await builds.tool.build({ context: { kind: 'http', url: `${url}/Dockerfile` } })
  assert.deepEqual(await builds.list(text), ['x 644 0:0 = text\n'])
  const elsewhere = await builds.tool.build({
    context: { kind: 'folder', path: other },
    dockerfile: { kind: 'url', url: `${url}/Dockerfile` },
  })
  assert.equal(elsewhere.id, text.id)
  await assert.rejects(builds.tool.build({ context: { kind: 'http', url: 'http://169.254.169.254/x' } }), {
    code: 'URL_FAILED',
    message: /link-local/,
  })
})

test('a named context is the source of COPY and mounts, starts a stage or replaces one', async () => {
  mkdirSync(join(other, 'deep'), { recursive: true })
  writeFileSync(join(other, 'deep/f'), 'f')
  writeFileSync(join(other, 'hidden.log'), 'h')
  writeFileSync(join(other, '.dockerignore'), '*.log\n.dockerignore\n')
  const contexts = { extra: { kind: 'folder', path: other } } as const
  const lines = [
    'FROM busybox',
    'RUN mkdir /o',
    'COPY --from=extra . /o/',
    'RUN --mount=from=extra,target=/m cp -r /m/deep /o/two',
  ]
  const made = await builds.build(lines, { contexts })
  assert.deepEqual(await builds.list(made), [
    'deep 755 0:0',
    'deep/f 644 0:0 = f',
    'two 755 0:0',
    'two/f 644 0:0 = f',
  ])
  assert.ok((await builds.build(lines, { contexts })).steps.every(({ cached }) => cached))
  await assert.rejects(builds.build(['FROM busybox', 'COPY --from=extra hidden.log /'], { contexts }), {
    message: /not in the context "extra": it is there, but line 1 of \.dockerignore hides it: \*\.log/,
  })
  const based = await builds.build(['FROM extra', 'COPY --from=busybox /bin/busybox /b'], { contexts })
  assert.deepEqual(await builds.list(based, 'deep'), ['f 644 0:0 = f'])
  const stage = ['FROM busybox AS made', 'RUN false', 'FROM scratch', 'COPY --from=made deep /o']
  assert.deepEqual(await builds.list(await builds.build(stage, { contexts: { made: contexts.extra } })), [
    'f 644 0:0 = f',
  ])
})

test('named contexts of git, a URL, an image and another stage', async () => {
  server.commit('named', { n: 'from git' })
  bodies.set('/named.tar', tarOf({ t: 'from tar' }))
  const contexts = {
    'some/repo': git(`${server.url}/named.git`),
    archive: { kind: 'http', url: `${url}/named.tar` },
    'docker.io/library/debian:latest': { kind: 'image', reference: 'busybox' },
    nothing: { kind: 'image', reference: 'scratch' },
    last: { kind: 'stage', name: 'later' },
  } as const
  const made = await builds.build(
    [
      'FROM debian AS base',
      'RUN mkdir /o',
      'COPY --from=some/repo . /o/',
      'COPY --from=archive . /o/',
      'COPY --from=last /later /o/',
      'FROM busybox AS later',
      'RUN echo later > /later',
      'FROM nothing AS end',
      'COPY --from=base /o /o',
    ],
    { contexts },
  )
  assert.deepEqual(await builds.list(made), [
    'later 644 0:0 = later\n',
    'n 644 0:0 = from git',
    't 644 0:0 = from tar',
  ])
  const circle = ['FROM alias AS one', 'RUN true']
  await assert.rejects(builds.build(circle, { contexts: { alias: { kind: 'stage', name: 'one' } } }), {
    message: /circular dependency one → one by --build-context/,
  })
  await assert.rejects(builds.build(circle, { contexts: { alias: { kind: 'stage', name: 'onne' } } }), {
    message: /names the stage "onne", which there is not \(did you mean one\?\)/,
  })
})

test('the command: an OCI layout as named context, a tar and a Dockerfile on standard input', () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const layout = join(other, 'layout')
  writeFileSync(join(other, 'Dockerfile.layout'), 'FROM busybox\nRUN mkdir /o && echo in layout > /o/l\n')
  mille.ok(
    'build',
    '-f',
    join(other, 'Dockerfile.layout'),
    '-o',
    `type=oci,dest=${layout},tar=false,name=x:one`,
    other,
  )
  mille.ok('builder', 'prune', '-af')
  const dockerfile = 'FROM base\nCOPY --from=files deep/f /o/\n'
  const build = (base: string): Ran =>
    mille.run(
      [
        'build',
        '-f',
        '-',
        '--build-context',
        `base=oci-layout://${base}`,
        '--build-context',
        `files=${other}`,
        '-t',
        'made',
        other,
      ],
      { input: dockerfile },
    )
  for (const base of [layout, `${layout}:one`]) {
    const { code, err } = build(base)
    assert.equal(code, 0, err)
  }
  assert.equal(mille.ok('run', '--rm', 'made', 'cat', '/o/l', '/o/f'), 'in layout\nf')
  assert.match(build(`${layout}:two`).err, /no image with tag two; there is one/)
  assert.match(build(`${layout}@sha256:${'0'.repeat(64)}`).err, /no image with sha256:0+; there is one/)
  const tar = tarOf({ Dockerfile: 'FROM busybox\nCOPY d /d\n', d: 'd' }, '-z')
  assert.equal(mille.run(['build', '-t', 'tar', '-'], { input: tar }).code, 0)
  assert.equal(mille.ok('run', '--rm', 'tar', 'cat', '/d'), 'd')
})
