import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BuildResult } from '../../src/builder/build.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'

let builds: CopyBuilds

before(async () => {
  builds = await openCopyBuilds()
  builds.write('a.txt', 'a')
})
after(async () => await builds[Symbol.asyncDispose]())

function lastLayer({ id }: BuildResult): string | undefined {
  return builds.tool.store.images.get(id)?.config.rootfs.diff_ids.at(-1)
}

test('--link: another base and other steps before it leave the layer as it is', async () => {
  const copy = 'COPY --link --chown=7 a.txt /o/p/'
  const first = await builds.build([
    'FROM busybox',
    'RUN echo one > /x',
    copy,
    'RUN grep one /x && grep a /o/p/a.txt',
  ])
  const layer = lastLayer(first)
  const changed = await builds.build(['FROM busybox', 'RUN echo two > /x', copy])
  assert.deepEqual(
    changed.steps.map(({ cached }) => cached),
    [true, false, true],
  )
  assert.equal(lastLayer(changed), layer)
  const empty = await builds.build(['FROM scratch', 'WORKDIR /w', copy])
  assert.equal(lastLayer(empty), layer)
  assert.deepEqual(await builds.list(empty), ['p 755 7:7', 'p/a.txt 644 7:7 = a'])
  const rows = builds.tool.store.images.get(changed.id)?.config.history?.slice(-2) ?? []
  assert.deepEqual(
    rows.map(({ created_by, empty_layer }) => [created_by?.split(' ')[0], empty_layer]),
    [
      ['RUN', undefined],
      ['COPY', undefined],
    ],
  )
})

test('--link does not see what is there: a link on the way becomes a folder', async () => {
  const lines = ['FROM busybox', 'RUN mkdir -p /real /o && ln -s /real /o/link']
  const linked = await builds.build([...lines, 'COPY --link a.txt /o/link/'])
  assert.deepEqual(await builds.list(linked), ['link 755 0:0', 'link/a.txt 644 0:0 = a'])
  const plain = await builds.build([...lines, 'COPY --link=false a.txt /o/link/'])
  assert.deepEqual(await builds.list(plain), ['link 777 0:0 -> /real'])
  assert.deepEqual(await builds.list(plain, 'real'), ['a.txt 644 0:0 = a'])
})

test('--link with names: their numbers in the files before decide', async () => {
  const copy = 'COPY --link --chown=build:wheel a.txt /o/'
  const first = await builds.build(['FROM busybox', 'RUN echo 1 > /x', copy])
  assert.deepEqual(await builds.list(first), ['a.txt 644 1000:10 = a'])
  const same = await builds.build(['FROM busybox', 'RUN echo 2 > /x', copy])
  assert.equal(same.steps.at(-1)?.cached, true)
  const other = await builds.build(['FROM busybox', 'RUN sed -i s/1000/1234/ /etc/passwd', copy])
  assert.equal(other.steps.at(-1)?.cached, false)
  assert.deepEqual(await builds.list(other), ['a.txt 644 1234:10 = a'])
})

test('--link of a heredoc, of another stage and of an archive', async () => {
  const result = await builds.build([
    'FROM busybox AS from',
    'RUN mkdir /f && echo f > /f/f',
    'FROM busybox',
    'COPY --link --from=from /f /o/',
    'COPY --link <<h /o/',
    'text',
    'h',
    'ADD --link a.txt /o/added',
  ])
  assert.deepEqual(await builds.list(result), ['added 644 0:0 = a', 'f 644 0:0 = f\n', 'h 644 0:0 = text\n'])
})

test('--link leaves the folders above as they are; those that it makes get what the flags say', async () => {
  builds.write('dir/x', 'x')
  const lines = [
    'FROM busybox',
    'RUN mkdir -p /o/kept/in /o/file && chmod 1777 /o/kept && chown 8:9 /o/kept && rmdir /o/file && touch /o/file',
  ]
  const linked = await builds.build([
    ...lines,
    'COPY --link --chown=5:6 --chmod=750 dir /o/kept/in',
    'COPY --link --chown=5:6 --chmod=750 dir /o/kept/made/deep',
    'COPY --link a.txt /o/kept/',
    'COPY --link --chown=5 a.txt /o/kept/new/',
    'COPY --link dir /o/file',
  ])
  assert.deepEqual(await builds.list(linked), [
    'file 755 0:0',
    'file/x 644 0:0 = x',
    'kept 1777 8:9',
    'kept/a.txt 644 0:0 = a',
    'kept/in 755 0:0',
    'kept/in/x 750 5:6 = x',
    'kept/made 750 5:6',
    'kept/made/deep 750 5:6',
    'kept/made/deep/x 750 5:6 = x',
    'kept/new 755 5:5',
    'kept/new/a.txt 644 5:5 = a',
  ])
})
