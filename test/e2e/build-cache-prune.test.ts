import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildRequest, BuildResult, CacheUsage } from '../../src/builder/build.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'

let builds: CopyBuilds

before(async () => {
  builds = await openCopyBuilds()
})
after(async () => {
  await builds[Symbol.asyncDispose]()
})

async function build(lines: readonly string[], options: Partial<BuildRequest> = {}): Promise<BuildResult> {
  return await builds.build(['FROM busybox', ...lines], options)
}

const rows = (): Promise<readonly CacheUsage[]> => builds.tool.builder.cacheUsage()
const ran = ({ steps }: BuildResult): string[] =>
  steps.filter(({ cached }) => !cached).map(({ name }) => name)

test('rows of steps, of contexts and of cache mounts', async () => {
  builds.write('src/a', 'a')
  await build([
    'RUN --mount=type=cache,id=rows,target=/c head -c 100000 /dev/zero > /c/x; head -c 200000 /dev/zero > /x',
    'RUN --mount=source=src,target=/m cp /m/a /a',
  ])
  const found = await rows()
  const of = (type: string): readonly CacheUsage[] => found.filter((row) => row.type === type)
  const [mount] = of('exec.cachemount')
  assert.ok(mount && mount.size >= 100_000 && mount.mutable && !mount.inUse)
  assert.match(mount.description, /^cached mount \/c from exec \/bin\/sh -c head .* with id "\/rows"$/)
  assert.deepEqual(
    of('source.local').map(({ description }) => description),
    ['local source for context (src)'],
  )
  const [first, second] = of('regular')
  assert.ok(first && second)
  assert.deepEqual(second.parents, [first.id])
  assert.ok(first.size >= 200_000 && first.shared, 'the image has it')
})

test('prune: a filter takes one kind; what images have stays without all', async () => {
  const { builder, store } = builds.tool
  const mounts = await builder.prune({ all: false, matches: ({ type }) => type === 'exec.cachemount' })
  assert.equal(mounts.removed.length, 1)
  assert.ok(mounts.reclaimed >= 100_000)
  assert.deepEqual(readdirSync(await store.folder('cache-mounts')), [])
  await build(['RUN --mount=type=cache,id=rows,target=/c ls /c'])
  assert.equal(builds.output(), '')
  const rest = await builder.prune({ all: false })
  assert.ok(rest.removed.every(({ shared }) => !shared))
  assert.ok((await rows()).every(({ shared }) => shared))
  await builder.prune({ all: true })
  assert.deepEqual(await rows(), [])
})

test('a cache mount that a step has is neither removed nor free', async () => {
  const running = build([
    'RUN --mount=type=cache,id=busy,target=/c touch /c/begun; while [ ! -e /c/stop ]; do sleep 0.02; done',
  ])
  const folder = await builds.tool.store.folder('cache-mounts')
  const files = async (): Promise<string> => {
    for (;;) {
      const [id] = readdirSync(folder).filter((name) => !name.includes('.'))
      if (id !== undefined && readdirSync(join(folder, id, 'files')).includes('begun'))
        return join(folder, id, 'files')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const path = await files()
  assert.deepEqual(
    (await rows()).map(({ inUse }) => inUse),
    [true],
  )
  assert.deepEqual((await builds.tool.builder.prune({ all: true })).removed, [])
  writeFileSync(join(path, 'stop'), '')
  await running
  assert.equal(
    (await builds.tool.builder.prune({ all: true })).removed.some(({ type }) => type === 'exec.cachemount'),
    true,
  )
})

test('a limit keeps what was used last', async () => {
  const step = (name: string): string => `RUN head -c 100000 /dev/zero > /${name}; echo ${name}`
  for (const name of ['one', 'two', 'three']) {
    const { id } = await build([step(name)])
    builds.tool.store.images.remove(id)
  }
  await build([step('one')], { names: ['again'] })
  const { removed } = await builds.tool.builder.prune({ all: false, maxUsedSpace: 150_000 })
  assert.deepEqual(
    removed.map(({ description }) => description.slice(-3)),
    ['two'],
  )
  assert.deepEqual(ran(await build([step('three')])), [])
  assert.deepEqual(ran(await build([step('two')])), [step('two')])
})

test('the cache keeps itself in bounds at the end of a build, once an hour', async () => {
  const stamp = join(await builds.tool.store.folder('policy'), 'applied')
  const fill = (name: string): string =>
    `RUN --mount=type=cache,id=${name},target=/c head -c 300000 /dev/zero > /c/x; echo ${name}`
  rmSync(stamp, { force: true })
  await build([fill('p1')], { cacheLimit: 400_000 })
  await build([fill('p2')], { cacheLimit: 400_000 })
  const mounts = async (): Promise<number> =>
    (await rows()).filter(({ type }) => type === 'exec.cachemount').length
  const before = await mounts()
  assert.ok(before >= 2, 'not again within the hour')
  rmSync(stamp)
  await build(['RUN echo 3'], { cacheLimit: Infinity })
  assert.equal(await mounts(), before, 'switched off')
  await build(['RUN echo 4'], { cacheLimit: 400_000 })
  assert.deepEqual(
    (await rows())
      .filter(({ type }) => type === 'exec.cachemount')
      .map(({ description }) => description.slice(-5)),
    ['"/p2"'],
  )
})
