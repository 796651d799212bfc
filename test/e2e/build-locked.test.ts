import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildResult, BuildWish } from '../../src/builder/build.ts'
import type { LockChange } from '../../src/builder/lock/lock-file.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { openEngine } from '../../src/engine/open-engine.ts'
import { readText } from '../../src/util/read-text.ts'
import { startGitServer, type GitServer } from '../support/git-server.ts'
import { testMille } from '../support/mille.ts'
import { startRegistry, type StartedRegistry } from '../support/start-registry.ts'
import { umount } from '../support/umount.ts'

let folder: string
let engine: Engine
let registry: StartedRegistry
let git: GitServer
let file = 'one'
const server = createServer((_, response) => response.writeHead(200).end(file))
let url: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mille-locked-'))
  engine = await openEngine({ root: join(folder, 'store') })
  registry = await startRegistry()
  git = await startGitServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`
})
after(async () => {
  await engine[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
  await git[Symbol.asyncDispose]()
  server.close()
  umount(folder)
  rmSync(folder, { recursive: true })
})

class Project {
  readonly path = mkdtempSync(join(folder, 'project-'))

  constructor(lines: readonly string[]) {
    this.write(lines)
  }

  write(lines: readonly string[]): void {
    writeFileSync(join(this.path, 'Dockerfile'), lines.join('\n'))
  }

  build(wish: Partial<BuildWish> = {}): Promise<BuildResult> {
    return engine.builder.build({ context: { kind: 'folder', path: this.path }, ...wish })
  }

  /** The last line of the message that a locked build ends with. */
  async refusal(wish: Partial<BuildWish> = {}): Promise<string> {
    const error = await this.build({ locked: true, ...wish }).then(
      () => new Error('it was built'),
      (reason: unknown) => reason as Error,
    )
    return error.message.split('\n').at(-1) ?? ''
  }

  async update(wish: Partial<BuildWish> = {}): Promise<readonly LockChange[]> {
    const { path, text, changes } = await engine.builder.lock({
      context: { kind: 'folder', path: this.path },
      ...wish,
    })
    writeFileSync(path, text)
    return changes
  }
}

/** A new base image under `name`, pushed when it names the registry. Its digest there. */
async function publish(name: string, content: string): Promise<string> {
  const project = new Project(['FROM scratch', 'COPY Dockerfile /base', `LABEL content=${content}`])
  const { manifest } = await project.build({ names: [name] })
  if (!name.startsWith(registry.host)) return String(manifest)
  const [pushed] = await engine.images.push(name)
  return String(pushed?.digest)
}

test('a tag that moved fails a locked build with old and new value; offline the pin is enough', async () => {
  const name = `${registry.host}/base:1`
  const first = await publish(name, 'one')
  const project = new Project([`FROM ${name}`, 'COPY Dockerfile /app'])
  assert.deepEqual(await project.update(), [{ kind: 'images', name, after: first }])
  const before = await project.build({ locked: true })
  const second = await publish(name, 'two')
  const drift = `error: image ${name} is locked to ${first}, but leads to ${second} now`
  assert.equal(await project.refusal(), drift)
  assert.equal(await project.refusal({ pull: true }), drift)
  assert.equal((await project.build({ locked: true, offline: true })).id, before.id)
  assert.deepEqual(await project.update(), [{ kind: 'images', name, before: first, after: second }])
  assert.notEqual((await project.build({ locked: true })).id, before.id)
})

test('a registry that cannot be reached: the image that is here is the locked one', async () => {
  const leaving = await startRegistry()
  const name = `${leaving.host}/base:1`
  const own = new Project(['FROM scratch', 'COPY Dockerfile /base'])
  await own.build({ names: [name] })
  await engine.images.push(name)
  const project = new Project([`FROM ${name}`, 'COPY Dockerfile /app'])
  await project.update()
  const { id } = await project.build({ locked: true })
  await leaving[Symbol.asyncDispose]()
  assert.equal((await project.build({ locked: true })).id, id)
  assert.match(await project.refusal({ pull: true }), /cannot reach registry/)
})

test('a tag that its registry has no longer is drift', async () => {
  const name = `${registry.host}/gone:1`
  const first = await publish(name, 'one')
  const project = new Project([`FROM ${name}`, 'COPY Dockerfile /app'])
  await project.update()
  const manifest = await fetch(`${registry.url}/v2/gone/manifests/1`, { method: 'DELETE' })
  assert.equal(manifest.status, 202)
  assert.equal(
    await project.refusal(),
    `error: image ${name} is locked to ${first}, but its registry has no such tag any more`,
  )
})

test('a locked image is fetched by its digest where it is not here', async () => {
  const name = `${registry.host}/elsewhere:1`
  const first = await publish(name, 'one')
  const project = new Project([`FROM ${name}`, 'COPY Dockerfile /app'])
  await project.update()
  const { id } = await project.build({ locked: true })
  await using other = await openEngine({ root: join(folder, 'other') })
  const request = { context: { kind: 'folder', path: project.path }, locked: true } as const
  assert.equal((await other.builder.build(request)).id, id)
  const lock = join(project.path, 'Dockerfile.lock')
  const none = `sha256:${'0'.repeat(64)}`
  writeFileSync(lock, readText(lock).replace(first, none))
  assert.equal(
    await project.refusal(),
    `error: image ${name} is locked to ${none}, but leads to ${first} now`,
  )
})

test('an image that was built here and no registry has: another one by that name is drift', async () => {
  const first = await publish('own', 'one')
  const project = new Project(['FROM own', 'COPY Dockerfile /app'])
  await project.update()
  await project.build({ locked: true })
  const second = await publish('own', 'two')
  assert.equal(
    await project.refusal(),
    `error: image own:latest is locked to ${first}, but leads to ${second} now`,
  )
})

test('a branch that moved, a URL with other bytes', async () => {
  const first = git.commit('app', { a: '1' })
  const project = new Project(['FROM scratch', `ADD ${git.url}/app.git#main /app`, `ADD ${url} /file`])
  const [commit, sum] = await project.update()
  assert.deepEqual(commit, { kind: 'git', name: `${git.url}/app.git#main`, after: first })
  assert.deepEqual([sum?.kind, sum?.name], ['urls', url])
  const { id } = await project.build({ locked: true })
  file = 'two'
  assert.match(
    await project.refusal(),
    new RegExp(`error: ${url} is locked to ${sum?.after}, but has sha256:[0-9a-f]{64} now$`),
  )
  const second = git.commit('app', { a: '2' })
  assert.equal(
    await project.refusal(),
    `error: main of ${git.url}/app.git is locked to ${first}, but leads to ${second} now`,
  )
  // what was refused took the place of nothing
  assert.equal((await project.build({ locked: true, offline: true, noCache: true })).id, id)
  const changes = await project.update()
  assert.deepEqual(changes[0], { ...commit, before: first, after: second })
  assert.notEqual((await project.build({ locked: true })).id, id)
})

test('servers that cannot be reached: what was locked is taken from before', async () => {
  const gitAway = await startGitServer()
  gitAway.commit('app', { a: '1' })
  let status = 200
  const away = createServer((_, response) => response.writeHead(status).end('one'))
  await new Promise<void>((done) => away.listen(0, '127.0.0.1', done))
  const address = `http://127.0.0.1:${(away.address() as AddressInfo).port}/file`
  const lines = ['FROM scratch', `ADD ${gitAway.url}/app.git#main /app`, `ADD ${address} /file`]
  const project = new Project(lines)
  await project.update()
  const { id } = await project.build({ locked: true })
  status = 404
  assert.match(await project.refusal({ noCache: true }), /file: the server answered 404$/)
  away.close()
  away.closeAllConnections()
  await gitAway[Symbol.asyncDispose]()
  assert.equal((await project.build({ locked: true, noCache: true })).id, id)
})

test('a name that is not locked, and a file that is not there', async () => {
  const project = new Project(['FROM scratch', 'COPY Dockerfile /'])
  const lock = join(project.path, 'Dockerfile.lock')
  assert.equal(await project.refusal(), `there is no ${lock}: write it with mille lock update`)
  await project.update()
  await project.build({ locked: true })
  project.write(['FROM scratch', 'COPY Dockerfile /', `ADD ${url} /`])
  assert.equal(
    await project.refusal(),
    `error: ${url} is not in ${lock}: bring it up to date with mille lock update`,
  )
})

test('lock update and lock check on the command line', () => {
  using mille = testMille()
  const path = mkdtempSync(join(folder, 'project-'))
  writeFileSync(join(path, 'app.Dockerfile'), 'FROM scratch AS base\nFROM base\nCOPY . /')
  const run = (...args: readonly string[]): readonly [number, string] => {
    const { code, out, err } = mille.run(['lock', ...args, '-f', 'app.Dockerfile', '.'], { cwd: path })
    return [code, out + err]
  }
  assert.deepEqual(run('check'), [1, 'app.Dockerfile.lock is not there: mille lock update\n'])
  assert.deepEqual(run('update'), [0, 'app.Dockerfile.lock: 0 entries, nothing changed\n'])
  assert.ok(existsSync(join(path, 'app.Dockerfile.lock')))
  assert.deepEqual(run('check'), [0, ''])
  const stale = '{"version":1,"images":{"gone:1":"sha256:' + 'a'.repeat(64) + '"}}'
  writeFileSync(join(path, 'app.Dockerfile.lock'), stale)
  const gone = `- image gone:1: sha256:${'a'.repeat(64)}\n`
  assert.deepEqual(run('check'), [1, `${gone}app.Dockerfile.lock is not up to date: mille lock update\n`])
  assert.deepEqual(run('update'), [0, `${gone}app.Dockerfile.lock: 0 entries, 1 changed\n`])
  const file = join(path, 'app.Dockerfile.lock')
  const good = readText(file)
  writeFileSync(file, '{"version": 1,')
  const damage = `${file} cannot be used: invalid JSON: syntax error at line 1, column 15`
  assert.deepEqual(run('check'), [1, `${damage}: mille lock update writes a new one\n`])
  assert.deepEqual(run('update'), [
    0,
    `app.Dockerfile.lock: 0 entries, nothing changed\nWARNING: ${damage}: a new one is written\n`,
  ])
  assert.equal(readText(file), good)
})
