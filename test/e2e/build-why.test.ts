import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildRequest, BuildResult, CacheMiss } from '../../src/builder/build.ts'
import type { TestBuilder } from '../support/open-builder.ts'
import { openTestBuilder } from '../support/open-builder.ts'

let tool: TestBuilder
const contexts: string[] = []
before(async () => {
  tool = await openTestBuilder()
})
after(async () => {
  await tool[Symbol.asyncDispose]()
  for (const path of contexts) rmSync(path, { recursive: true })
})

class Project {
  readonly path = mkdtempSync(join(tmpdir(), 'mille-why-'))

  constructor(files: Readonly<Record<string, string>>) {
    contexts.push(this.path)
    for (const [path, text] of Object.entries(files)) this.write(path, text)
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true })
    writeFileSync(join(this.path, path), text)
  }

  build(options: Partial<BuildRequest> = {}): Promise<BuildResult> {
    return tool.build({ context: { kind: 'folder', path: this.path }, ...options })
  }
}

const missOf = ({ steps }: BuildResult, name: string): CacheMiss | undefined =>
  steps.find((step) => step.name.startsWith(name))?.miss
const reasonOf = (result: BuildResult, name: string): string => {
  const miss = missOf(result, name)
  return miss === undefined ? 'cached' : `${miss.reason}: ${miss.summary}`
}

test('old and new values of what changed, in words of the Dockerfile', async () => {
  const project = new Project({
    Dockerfile: 'FROM busybox\nARG V=1\nENV E=1\nCOPY a b /\nRUN echo a',
    a: '1',
    b: '1',
  })
  await project.build()
  project.write('a', '2')
  chmodSync(join(project.path, 'b'), 0o755)
  const copy = missOf(await project.build(), 'COPY')
  assert.deepEqual(copy?.differences, [
    { kind: 'file', name: 'a', before: 'sha256:6b86b273ff34', after: 'sha256:d4735e3a265e' },
    { kind: 'mode', name: 'b', before: '0644', after: '0755' },
  ])
  project.write('Dockerfile', 'FROM busybox\nARG V=1\nENV E=1\nCOPY a b /\nRUN echo b')
  const run = missOf(await project.build({ buildArgs: { V: '2' } }), 'RUN')
  assert.deepEqual(run?.differences, [
    { kind: 'text', name: 'command', before: '/bin/sh -c echo a', after: '/bin/sh -c echo b' },
    { kind: 'argument', name: 'V', before: '1', after: '2' },
  ])
})

test('a line put in between is new, those behind it ran because of it', async () => {
  const project = new Project({ Dockerfile: 'FROM busybox\nRUN echo a\nRUN echo b\nRUN echo c' })
  await project.build()
  project.write('Dockerfile', 'FROM busybox\nRUN echo a\nRUN echo new > /new\nRUN echo b\nRUN echo c')
  const result = await project.build()
  assert.equal(reasonOf(result, 'RUN echo new'), 'never-built: not built before')
  assert.equal(reasonOf(result, 'RUN echo b'), 'input: because of RUN echo new > /new')
  project.write('Dockerfile', 'FROM busybox\nRUN echo a\nRUN echo other > /new\nRUN echo b\nRUN echo c')
  assert.equal(reasonOf(await project.build(), 'RUN echo other'), 'text: instruction changed')
})

test('another base, a mount source, a pruned cache', async () => {
  const base = new Project({ Dockerfile: 'FROM busybox\nRUN echo 1 > /1' })
  await base.build({ names: ['base:1'] })
  const project = new Project({
    Dockerfile: 'FROM docker.io/library/base:1\nRUN --mount=type=bind,target=/src cat /src/a > /a',
    a: '1',
  })
  await project.build({ names: ['app'] })
  project.write('a', '2')
  assert.equal(reasonOf(await project.build(), 'RUN'), 'mount: mount source a changed, 1 of 2 files')
  base.write('Dockerfile', 'FROM busybox\nRUN echo 2 > /1')
  await base.build({ names: ['base:1'] })
  const miss = missOf(await project.build({ names: ['app'] }), 'RUN')
  assert.match(miss?.summary ?? '', /^base image changed: base:1@sha256:\w{12} to base:1@sha256:\w{12}$/)
  await tool.builder.prune({ all: true })
  assert.equal(reasonOf(await project.build(), 'RUN'), 'evicted: built before, but no longer in the cache')
})

test('files that come and go, the environment, the platform, --no-cache', async () => {
  const copies = 'FROM busybox\nENV E=1\nCOPY src /src\nRUN ls /src > /list'
  const project = new Project({ Dockerfile: copies, 'src/a': '1' })
  await project.build()
  project.write('src/b', '2')
  assert.equal(reasonOf(await project.build(), 'COPY'), 'added: src/b added, 1 of 2 files')
  rmSync(join(project.path, 'src/a'))
  assert.equal(reasonOf(await project.build(), 'COPY'), 'removed: src/a removed, 1 of 1 file')
  project.write('Dockerfile', copies.replace('E=1', 'E=2'))
  const found = await project.build()
  assert.equal(reasonOf(found, 'COPY'), 'cached')
  assert.equal(reasonOf(found, 'RUN'), 'environment: ENV E changed')
  assert.equal(reasonOf(await project.build({ noCache: true }), 'RUN'), 'no-cache: --no-cache')
  project.write('Dockerfile', 'FROM scratch\nCOPY src /src')
  await project.build({ platforms: [{ os: 'linux', architecture: 'amd64' }] })
  const other = await project.build({ platforms: [{ os: 'linux', architecture: 'arm64' }] })
  assert.equal(reasonOf(other, 'COPY'), 'platform: platform changed: linux/amd64 to linux/arm64')
})

test('one ignore line that would have saved the miss', async () => {
  const project = new Project({ Dockerfile: 'FROM busybox\nCOPY . /app', '.git/HEAD': '1', a: '1' })
  await project.build()
  project.write('.git/HEAD', '2')
  const copy = missOf(await project.build(), 'COPY')
  assert.deepEqual(copy?.advice, { file: '.dockerignore', line: '.git' })
  project.write('.dockerignore', '.git\n.dockerignore')
  await project.build()
  project.write('.git/HEAD', '3')
  assert.equal(reasonOf(await project.build(), 'COPY'), 'cached')
  project.write('a', '2')
  assert.equal(missOf(await project.build(), 'COPY')?.advice, undefined)
})

test('values of secrets are in no reason and not in the store', async () => {
  const project = new Project({
    Dockerfile: 'FROM busybox\nARG API_TOKEN\nARG SAFE\nENV URL=https://user:$API_TOKEN@host\nRUN echo > /x',
  })
  await project.build({ buildArgs: { API_TOKEN: 'hunter2-first', SAFE: '1' } })
  const result = await project.build({
    buildArgs: { API_TOKEN: 'hunter2-second', SAFE: '1' },
    names: ['secret'],
  })
  const miss = missOf(result, 'RUN')
  assert.deepEqual(
    miss?.differences.map(({ name, before, after }) => [name, before, after]),
    [
      ['API_TOKEN', '(hidden)', '(hidden)'],
      ['URL', 'https://user:(hidden)@host', 'https://user:(hidden)@host'],
    ],
  )
  const records = JSON.stringify(tool.store.cache.list().map(({ ingredients }) => ingredients))
  assert.doesNotMatch(records, /hunter2/)
  assert.doesNotMatch(JSON.stringify(tool.store.images.report(result.id)), /hunter2/)
})

test('the report of the last build is kept with its image and goes with it', async () => {
  const project = new Project({ Dockerfile: 'FROM busybox\nCOPY a /\nRUN cat /a', a: '1' })
  const { id } = await project.build({ names: ['kept'] })
  const first = await tool.builder.report(id)
  assert.deepEqual(
    first?.steps.map(({ name, cached }) => [name, cached]),
    [
      ['FROM busybox', true],
      ['COPY a /', false],
      ['RUN cat /a', false],
    ],
  )
  await project.build({ names: ['kept'] })
  const second = await tool.builder.report(id)
  assert.deepEqual(
    second?.steps.map(({ cached }) => cached),
    [true, true, true],
  )
  tool.store.images.remove(id, ['docker.io/library/kept:latest'])
  assert.equal(await tool.builder.report(id), undefined)
})
