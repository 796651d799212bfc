import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { BuildResult, SecretSource } from '../../src/builder/build.ts'
import { chainIdOf } from '../../src/oci/digest.ts'
import { isMilleError } from '../../src/util/errors.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import type { GitServer } from '../support/git-server.ts'
import { startGitServer } from '../support/git-server.ts'

let builds: CopyBuilds
let server: GitServer

before(async () => {
  builds = await openCopyBuilds()
  server = await startGitServer()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await builds[Symbol.asyncDispose]()
})
beforeEach(() => {
  server.requests.length = 0
  server.intercept = () => false
})

const add = (source: string, ...flags: string[]): Promise<BuildResult> =>
  builds.build(['FROM busybox', `ADD ${[...flags, source].join(' ')} /o/`])

test('ADD of a repository: modes 0644 and 0755, links, no .git, nothing left out', async () => {
  server.commit('plain', {
    'a.txt': 'a',
    'run.sh': 'x',
    '.gitattributes': 'hidden export-ignore\nsubst export-subst\n',
    hidden: 'h',
    subst: '$Format:%H$',
  })
  const work = join(server.folder, 'work/plain')
  chmodSync(join(work, 'run.sh'), 0o775)
  chmodSync(join(work, 'a.txt'), 0o600)
  symlinkSync('a.txt', join(work, 'link'))
  server.commit('plain', {})
  assert.deepEqual(await builds.list(await add(`${server.url}/plain.git`)), [
    '.gitattributes 644 0:0 = hidden export-ignore\nsubst export-subst\n',
    'a.txt 644 0:0 = a',
    'hidden 644 0:0 = h',
    'link 777 0:0 -> a.txt',
    'run.sh 755 0:0 = x',
    'subst 644 0:0 = $Format:%H$',
  ])
})

test('branches, tags, commits, folders; a commit that is known needs no server', async () => {
  const first = server.commit('refs', { v: '1', 'sub/f': 's1' })
  server.git('refs', 'tag', '-a', 'v1', '-m', 'annotated')
  server.git('refs', 'checkout', '--quiet', '-b', 'feature/x')
  const second = server.commit('refs', { v: '2' })
  server.git('refs', 'push', '--quiet', '--tags', join(server.folder, 'refs.git'))
  server.git('refs', 'checkout', '--quiet', 'main')
  const url = `${server.url}/refs.git`
  const versionOf = async (source: string, ...flags: string[]): Promise<string | undefined> =>
    (await builds.list(await add(source, ...flags))).find((line) => line.startsWith('v '))?.at(-1)
  assert.equal(await versionOf(url), '1')
  assert.equal(await versionOf(`${url}#feature/x`), '2')
  assert.equal(await versionOf(`${url}?branch=feature/x`), '2')
  assert.equal(await versionOf(`${url}#v1`), '1')
  assert.equal(await versionOf(`${url}?tag=v1&commit=${first.slice(0, 9)}`), '1')
  assert.equal(await versionOf(`${url}#${second}`, `--checksum=${second.slice(0, 7)}`), '2')
  assert.deepEqual(await builds.list(await add(`${url}#v1:sub`)), ['f 644 0:0 = s1'])
  server.requests.length = 0
  const again = await add(`${url}#${second}`, `--checksum=${second.slice(0, 7)}`)
  assert.ok(again.steps.every(({ cached }) => cached))
  assert.deepEqual(server.requests, [])
  await assert.rejects(add(`${url}#v1`, `--checksum=${second}`), (error) => {
    assert.ok(isMilleError(error, 'ADD_FAILED'))
    assert.match(error.message, new RegExp(`expected commit ${second}, got ${first}`))
    return true
  })
  await assert.rejects(
    add(`${url}#featur/x`),
    /no branch, tag or commit "featur\/x" \(did you mean feature\/x\?\)/,
  )
  await assert.rejects(add(`${url}#v1:nope`), /has no folder "nope"/)
})

test('only news are fetched; what did not change in the folder taken is cached', async () => {
  server.commit('news', { 'sub/f': '1', big: 'x'.repeat(300_000) })
  const source = `${server.url}/news.git#:sub`
  await add(source)
  server.commit('news', { other: 'changed' })
  server.requests.length = 0
  const second = await add(source)
  assert.equal(second.steps.at(-1)?.cached, true, 'another commit, the same folder')
  const sent = server.requests.filter((line) => line.startsWith('POST')).length
  await add(source)
  assert.equal(
    server.requests.filter((line) => line.startsWith('POST')).length,
    sent + 1,
    'asked, not fetched',
  )
})

test('submodules: at their commits, relative URLs, or left out', async () => {
  server.commit('inner', { i: 'inner' })
  server.commit('outer', { o: 'outer' })
  const inner = join(server.folder, 'inner.git')
  server.git('outer', '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner, 'lib/in')
  server.git('outer', 'config', '-f', '.gitmodules', 'submodule.lib/in.url', '../inner.git')
  server.commit('outer', {})
  server.commit('inner', { i: 'newer' })
  const names = async (query: string): Promise<string[]> =>
    (await builds.list(await add(`${server.url}/outer.git${query}`))).filter(
      (line) => !line.startsWith('.git'),
    )
  assert.deepEqual(await names(''), [
    'lib 755 0:0',
    'lib/in 755 0:0',
    'lib/in/i 644 0:0 = inner',
    'o 644 0:0 = outer',
  ])
  assert.deepEqual(await names('#:lib/in'), ['i 644 0:0 = inner'])
  assert.deepEqual(await names('?submodules=false'), ['lib 755 0:0', 'lib/in 755 0:0', 'o 644 0:0 = outer'])
})

test('--keep-git-dir: a repository that git takes for clean, the same bytes each time', async () => {
  const commit = server.commit('kept', { f: 'content' })
  const source = `${server.url}/kept.git#main`
  const first = await add(source, '--keep-git-dir')
  const layer = builds.tool.store.images.get(first.id)?.config.rootfs.diff_ids.at(-1)
  await builds.tool.builder.prune({ all: true })
  const second = await add(`${server.url}/kept.git?keep-git-dir=true&ref=main`)
  assert.equal(builds.tool.store.images.get(second.id)?.config.rootfs.diff_ids.at(-1), layer)
  const copy = mkdtempSync(join(tmpdir(), 'mille-clone-'))
  const { path } = await builds.tool.store.snapshots.view(
    'clone',
    chainIdOf(builds.tool.store.images.get(first.id)?.config.rootfs.diff_ids ?? []),
  )
  cpSync(join(path, 'o'), copy, { recursive: true })
  await builds.tool.store.snapshots.remove('clone')
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', copy, ...args])
      .toString()
      .trim()
  assert.equal(git('rev-parse', 'HEAD'), commit)
  assert.equal(git('status', '--porcelain'), '')
  assert.equal(git('config', 'remote.origin.url'), `${server.url}/kept.git`)
  rmSync(copy, { recursive: true })
})

test('a redirect is followed once mille has looked where it leads', async () => {
  server.commit('moved', { f: 'here' })
  server.intercept = (request, response) => {
    if (request.url?.startsWith('/old.git') !== true) return false
    response.writeHead(301, { location: request.url.replace('/old.git', '/moved.git') }).end()
    return true
  }
  assert.deepEqual(await builds.list(await add(`${server.url}/old.git`)), ['f 644 0:0 = here'])
})

test('a password goes to its server and nowhere else', async () => {
  server.commit('closed', { f: 'secret files' })
  const seen: string[] = []
  server.intercept = (request, response) => {
    seen.push(request.headers.authorization ?? '')
    if (request.headers.authorization !== undefined) return false
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    return true
  }
  const made = await add(`${server.url.replace('//', '//me:pa55word@')}/closed.git`)
  assert.deepEqual(await builds.list(made), ['f 644 0:0 = secret files'])
  assert.ok(seen.every((header) => header === `Basic ${Buffer.from('me:pa55word').toString('base64')}`))
  const root = builds.tool.store.root
  const found = execFileSync('sh', ['-c', 'grep -rl pa55word . || true'], { cwd: root })
  assert.equal(found.toString(), '')
  await assert.rejects(add(`${server.url}/closed.git?ref=main`), (error) => {
    assert.ok(isMilleError(error, 'ADD_FAILED'))
    assert.match(error.message, /> +2 \| ADD http/)
    return true
  })
})

test('GIT_AUTH_TOKEN is for the repository, not for its submodules elsewhere', async () => {
  const secret = (id: string): SecretSource => ({ id, read: () => Promise.resolve(Buffer.from('tok\n')) })
  const commit = server.commit('elsewhere', { e: 'e' })
  const other = server.url.replace('127.0.0.1', 'localhost')
  server.commit('main', { '.gitmodules': `[submodule "s"]\n\tpath = s\n\turl = ${other}/elsewhere.git\n` })
  server.git('main', 'update-index', '--add', '--cacheinfo', `160000,${commit},s`)
  server.git('main', 'commit', '--quiet', '-m', 'link')
  server.git('main', 'push', '--quiet', '--force', '--all', join(server.folder, 'main.git'))
  const seen = new Set<string>()
  server.intercept = ({ headers, url }) => {
    seen.add(`${headers.host?.split(':')[0]} ${url?.split('/')[1]} ${headers.authorization}`)
    return false
  }
  const source = ['FROM busybox', `ADD ${server.url}/main.git /o/`]
  await builds.build(source, { secrets: [secret('GIT_AUTH_TOKEN')] })
  const basic = `Basic ${Buffer.from('x-access-token:tok').toString('base64')}`
  assert.deepEqual([...seen], [`127.0.0.1 main.git ${basic}`, 'localhost elsewhere.git undefined'])
  seen.clear()
  await builds.tool.builder.prune({ all: true })
  await builds.build(source, { secrets: [secret('GIT_AUTH_TOKEN.localhost')] })
  assert.deepEqual([...seen], ['127.0.0.1 main.git undefined', `localhost elsewhere.git ${basic}`])
})

test('COPY of a URL or repository says to use ADD', async () => {
  await assert.rejects(
    builds.build(['FROM busybox', 'COPY http://h/x /o/']),
    /COPY does not take a URL: use ADD/,
  )
  await assert.rejects(
    builds.build(['FROM busybox', 'COPY git@h:r /o/']),
    /does not take a git repository: use ADD/,
  )
})
