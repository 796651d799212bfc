import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildResult } from '../../src/builder/build.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import type { GitServer } from '../support/git-server.ts'
import { startGitServer } from '../support/git-server.ts'

let builds: CopyBuilds
let server: GitServer
const proof = mkdtempSync(join(tmpdir(), 'mille-proof-'))
const made = join(proof, 'made')

before(async () => {
  builds = await openCopyBuilds()
  server = await startGitServer()
})
after(async () => {
  rmSync(proof, { recursive: true })
  await server[Symbol.asyncDispose]()
  await builds[Symbol.asyncDispose]()
})

const add = (source: string): Promise<BuildResult> =>
  builds.build(['FROM busybox', `ADD ${JSON.stringify([source, '/o/'])}`])

/** A commit whose tree is written byte by byte, as no git would make it. */
function commitTree(
  name: string,
  entries: readonly (readonly [mode: string, path: string, id: string])[],
): void {
  const tree = Buffer.concat(
    entries.map(([mode, path, id]) =>
      Buffer.concat([Buffer.from(`${mode} ${path}\0`), Buffer.from(id, 'hex')]),
    ),
  )
  const bare = join(server.folder, `${name}.git`)
  const run = (input: Buffer | string, ...args: string[]): string =>
    execFileSync('git', ['-C', bare, '-c', 'user.name=x', '-c', 'user.email=x@x', ...args], { input })
      .toString()
      .trim()
  const id = run(tree, 'hash-object', '-t', 'tree', '-w', '--stdin', '--literally')
  run('', 'update-ref', 'refs/heads/main', run('', 'commit-tree', id, '-m', 'bad'))
}

test('C-B7: a .git folder or a path out of the tree is refused', async () => {
  server.commit('tree', { f: 'content' })
  const blob = server.git('tree', 'rev-parse', 'HEAD:f')
  const folder = server.git('tree', 'rev-parse', 'HEAD^{tree}')
  for (const name of ['.git', '.GIT']) {
    commitTree('tree', [['40000', name, folder]])
    await assert.rejects(add(`${server.url}/tree.git`), /invalid path '\.git\/f'/i)
  }
  commitTree('tree', [['40000', '..', folder]])
  await assert.rejects(add(`${server.url}/tree.git`), /invalid path/)
  commitTree('tree', [['100644', 'a/../../../up', blob]])
  await assert.rejects(add(`${server.url}/tree.git`), /invalid path/)
})

test('C-B7: a folder behind a link is not taken, a link out of the tree stays a link', async () => {
  server.commit('links', { f: 'content' })
  const target = server.git('links', 'hash-object', '-w', '--stdin')
  assert.ok(target)
  execFileSync('ln', ['-s', '/etc', join(server.folder, 'work/links/etc')])
  server.commit('links', {})
  await assert.rejects(add(`${server.url}/links.git#:etc`), /has no folder "etc"/)
  await assert.rejects(add(`${server.url}/links.git#:../../etc`), /has no folder "etc"/)
  const [link] = await builds.list(await add(`${server.url}/links.git`))
  assert.equal(link, 'etc 777 0:0 -> /etc')
})

test('C-B7: submodules may be nowhere else than repositories, and run nothing', async () => {
  const commit = server.commit('sub', { f: 'content' })
  const urls = [
    `file://${server.folder}/sub.git`,
    join(server.folder, 'sub.git'),
    `ext::sh -c "touch% ${made}"`,
    `--upload-pack=touch ${made}`,
    `ssh://-oProxyCommand=touch%20${made}/x`,
  ]
  for (const [index, url] of urls.entries()) {
    const name = `outer${index}`
    server.commit(name, {
      '.gitmodules': `[submodule "s"]\n\tpath = s\n\turl = ${url}\n\tupdate = !touch ${made}\n`,
    })
    server.git(name, 'update-index', '--add', '--cacheinfo', `160000,${commit},s`)
    server.git(name, 'commit', '--quiet', '-m', 'link')
    server.git(name, 'push', '--quiet', '--force', '--all', join(server.folder, `${name}.git`))
    await assert.rejects(
      add(`${server.url}/${name}.git`),
      /submodule s: .* is no http, https, ssh or git URL/,
      url,
    )
  }
  assert.ok(!existsSync(made))
})

test('C-B7: URLs that are options or programs', async () => {
  for (const source of [
    `ext::sh -c "touch% ${made}"`,
    `--upload-pack=touch ${made} .git`,
    `ssh://-oProxyCommand=touch%20${made}/x`,
    `git@-oProxyCommand=touch:x`,
    `file://${server.folder}/sub.git`,
    `https://h/r.git#--upload-pack=touch`,
  ]) {
    await assert.rejects(add(source), /error: /, source)
  }
  assert.ok(!existsSync(made))
})

test('C-B6: no metadata service by git either, at once or behind a redirect', async () => {
  await assert.rejects(
    add('http://169.254.169.254/r.git'),
    /link-local address 169\.254\.169\.254 is refused/,
  )
  await assert.rejects(add('git://169.254.169.254/r'), /link-local address/)
  server.intercept = (request, response) => {
    response.writeHead(302, { location: `http://169.254.169.254${request.url ?? ''}` }).end()
    return true
  }
  await assert.rejects(add(`${server.url}/any.git`), /link-local address/)
  server.intercept = () => false
})

test('a machine without git is told what to install', async () => {
  const { PATH } = process.env
  process.env['PATH'] = proof
  try {
    await assert.rejects(add(`${server.url}/sub.git`), { code: 'PROGRAM_MISSING', message: /git/ })
  } finally {
    process.env['PATH'] = PATH
  }
})
