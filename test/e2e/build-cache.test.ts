import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildRequest, BuildResult, CacheMiss } from '../../src/builder/build.ts'
import { diffIdAsDigest } from '../../src/oci/digest.ts'
import type { TestBuilder } from '../support/open-builder.ts'
import { openTestBuilder } from '../support/open-builder.ts'

let tool: TestBuilder
let context: string

before(async () => {
  tool = await openTestBuilder()
})
after(async () => {
  await tool[Symbol.asyncDispose]()
})

function makeContext(files: Readonly<Record<string, string>>): void {
  context = mkdtempSync(join(tmpdir(), 'mille-context-'))
  for (const [path, text] of Object.entries(files)) write(path, text)
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(context, path)), { recursive: true })
  writeFileSync(join(context, path), text)
}

async function build(options: Partial<BuildRequest> = {}): Promise<BuildResult> {
  return await tool.build({ context: { kind: 'folder', path: context }, ...options })
}

const ran = (result: BuildResult): string[] =>
  result.steps.filter(({ cached }) => !cached).map(({ name }) => name)
const missOf = (result: BuildResult, name: string): CacheMiss | undefined =>
  result.steps.find((step) => step.name.startsWith(name))?.miss

test('a second build runs nothing and gives the same image', async (t) => {
  makeContext({
    Dockerfile:
      'FROM busybox\nWORKDIR /w\nCOPY . .\nRUN cat a.txt > b && head -c 8 /dev/urandom > /now\nENV X=1',
    'a.txt': 'one',
  })
  t.after(() => rmSync(context, { recursive: true }))
  const first = await build()
  assert.deepEqual(ran(first), [
    'WORKDIR /w',
    'COPY . .',
    'RUN cat a.txt > b && head -c 8 /dev/urandom > /now',
  ])
  const second = await build()
  assert.deepEqual(ran(second), [])
  assert.equal(second.id, first.id)
})

test('a changed file is named with its count, and only steps behind it run', async (t) => {
  makeContext({
    Dockerfile: 'FROM busybox\nRUN echo before\nCOPY src/ /src/\nRUN cat /src/a.txt',
    'src/a.txt': '1',
    'src/b.txt': '1',
  })
  t.after(() => rmSync(context, { recursive: true }))
  await build()
  write('src/a.txt', '2')
  const changed = await build()
  assert.deepEqual(ran(changed), ['COPY src/ /src/', 'RUN cat /src/a.txt'])
  assert.equal(missOf(changed, 'COPY')?.summary, 'src/a.txt changed, 1 of 2 files')
  assert.equal(missOf(changed, 'RUN cat')?.reason, 'input')
  write('src/c.txt', '3')
  assert.deepEqual(missOf(await build(), 'COPY')?.summary, 'src/c.txt added, 1 of 3 files')
  rmSync(join(context, 'src/b.txt'))
  assert.deepEqual(missOf(await build(), 'COPY')?.reason, 'removed')
  write('src/b.txt', '1')
  rmSync(join(context, 'src/c.txt'))
  assert.deepEqual(ran(await build()), [], 'an older state is still known')
})

test('times and the umask do not count, execute bits do', async (t) => {
  makeContext({ Dockerfile: 'FROM busybox\nCOPY a.sh /', 'a.sh': 'x' })
  t.after(() => rmSync(context, { recursive: true }))
  const file = join(context, 'a.sh')
  chmodSync(file, 0o644)
  const first = await build()
  utimesSync(file, 1, 1)
  chmodSync(file, 0o600)
  const same = await build()
  assert.deepEqual(ran(same), [])
  assert.equal(same.id, first.id)
  chmodSync(file, 0o755)
  assert.equal(missOf(await build(), 'COPY')?.reason, 'mode')
})

test('the reason names what changed: text, argument, environment, base', async (t) => {
  makeContext({ Dockerfile: 'FROM busybox\nARG V=1\nENV E=1\nRUN echo a' })
  t.after(() => rmSync(context, { recursive: true }))
  await build()
  const argument = missOf(await build({ buildArgs: { V: '2' } }), 'RUN')
  assert.deepEqual([argument?.reason, argument?.summary], ['argument', 'ARG V changed'])
  write('Dockerfile', 'FROM busybox\nARG V=2\nENV E=2\nRUN echo a')
  assert.equal(missOf(await build(), 'RUN')?.summary, 'ENV E changed')
  write('Dockerfile', 'FROM busybox\nARG V=2\nENV E=2\nRUN echo b')
  assert.equal(missOf(await build(), 'RUN')?.reason, 'text')
})

test('an undeclared proxy and an unused argument are no part of a key', async (t) => {
  makeContext({ Dockerfile: 'FROM busybox\nRUN echo $HTTP_PROXY > /p\nARG LATER=1' })
  t.after(() => rmSync(context, { recursive: true }))
  const first = await build({ buildArgs: { HTTP_PROXY: 'http://one' } })
  const second = await build({ buildArgs: { HTTP_PROXY: 'http://two', LATER: '2' } })
  assert.deepEqual(ran(first), ['RUN echo $HTTP_PROXY > /p'])
  assert.deepEqual(ran(second), [])
})

test('--no-cache runs every step and its results are the new cache', async (t) => {
  makeContext({ Dockerfile: 'FROM busybox\nRUN head -c 8 /dev/urandom > /now' })
  t.after(() => rmSync(context, { recursive: true }))
  const first = await build()
  const forced = await build({ noCache: true })
  assert.equal(missOf(forced, 'RUN')?.reason, 'no-cache')
  assert.notEqual(forced.id, first.id)
  const after = await build()
  assert.deepEqual(ran(after), [])
  assert.equal(after.id, forced.id)
})

test('a step whose input gave the same bytes again is not run again', async (t) => {
  makeContext({
    Dockerfile:
      'FROM busybox AS a\nCOPY in /\nRUN wc -c < /in > /size\nFROM busybox\nCOPY --from=a /size /\nRUN cat /size',
    in: 'abc',
  })
  t.after(() => rmSync(context, { recursive: true }))
  await build()
  write('in', 'xyz')
  assert.deepEqual(ran(await build()), ['COPY in /', 'RUN wc -c < /in > /size'])
})

test('a layer that is gone is a miss, not an error', async (t) => {
  makeContext({ Dockerfile: 'FROM busybox\nRUN echo evict > /evict' })
  t.after(() => rmSync(context, { recursive: true }))
  const first = await build()
  const layer = tool.store.images.get(first.id)?.config.rootfs.diff_ids.at(-1)
  assert.ok(layer)
  rmSync(tool.store.content.path(diffIdAsDigest(layer)))
  const again = await build()
  assert.equal(missOf(again, 'RUN')?.reason, 'evicted')
  assert.equal(again.id, first.id)
})

test('a layer that was cut short is a miss, and is whole again after it (B-BD-8)', async (t) => {
  makeContext({ Dockerfile: 'FROM busybox\nRUN seq 1 1000 > /cut\nRUN wc -l < /cut > /lines' })
  t.after(() => rmSync(context, { recursive: true }))
  const first = await build()
  const layer = tool.store.images.get(first.id)?.config.rootfs.diff_ids.at(-2)
  assert.ok(layer)
  const path = tool.store.content.path(diffIdAsDigest(layer))
  const { size } = statSync(path)
  truncateSync(path, 1500)
  const again = await build()
  assert.equal(missOf(again, 'RUN seq')?.reason, 'evicted')
  assert.equal(again.id, first.id)
  assert.equal(statSync(path).size, size)
})

test('independent steps run side by side, one step shared by two stages once', async (t) => {
  makeContext({
    Dockerfile: [
      'FROM busybox AS a\nRUN sleep 0.4\nRUN sleep 1 && echo a > /a',
      'FROM busybox AS b\nRUN sleep 0.4\nRUN sleep 1 && echo b > /b',
      'FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /',
    ].join('\n'),
  })
  t.after(() => rmSync(context, { recursive: true }))
  const running = new Set<string>()
  let mostAtOnce = 0
  const result = await tool.build(
    { context: { kind: 'folder', path: context } },
    {
      onEvent: (event) => {
        if (event.type === 'start') running.add(event.step)
        if (event.type === 'done') running.delete(event.step)
        mostAtOnce = Math.max(mostAtOnce, running.size)
      },
    },
  )
  assert.equal(mostAtOnce, 2, 'both stages at work')
  const shared = result.steps.filter(({ name }) => name === 'RUN sleep 0.4')
  assert.deepEqual(shared.map(({ cached }) => cached).sort(), [false, true])
})
