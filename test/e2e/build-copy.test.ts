import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isMilleError } from '../../src/util/errors.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'

let builds: CopyBuilds

before(async () => {
  builds = await openCopyBuilds()
  for (const path of ['a.txt', 'b.md', 'src/c.txt', 'src/d.md', 'src/sub/e.txt', 'src/sub/deep/g.txt']) {
    builds.write(path)
  }
  mkdirSync(join(builds.context, 'src/empty'))
})
after(async () => await builds[Symbol.asyncDispose]())

async function names(...lines: string[]): Promise<string[]> {
  const found = await builds.list(await builds.build(['FROM busybox', 'RUN mkdir /o', ...lines]))
  return found.map((line) => line.split(' ')[0] ?? '')
}

test('--exclude: patterns from each source on, ** at any depth, exceptions; what a pattern found, too', async () => {
  assert.deepEqual(await names('COPY --exclude=*.txt src /o/'), [
    'd.md',
    'empty',
    'sub',
    'sub/deep',
    'sub/deep/g.txt',
    'sub/e.txt',
  ])
  assert.deepEqual(await names('COPY --exclude=**/*.txt --exclude=empty src /o/'), [
    'd.md',
    'sub',
    'sub/deep',
  ])
  assert.deepEqual(await names('ARG P=sub/**', 'COPY --exclude=$P --exclude=!sub/e.txt src /o/'), [
    'c.txt',
    'd.md',
    'empty',
    'sub',
    'sub/e.txt',
  ])
  assert.deepEqual(await names('COPY --exclude=*.txt *.* /o/'), ['b.md'])
  assert.deepEqual(await names('COPY --exclude=src * /o/'), ['a.txt', 'b.md'])
  assert.deepEqual(await names('ADD --exclude=sub --exclude=d.* src a.txt /o/'), ['a.txt', 'c.txt', 'empty'])
})

test('--exclude is part of the cache key, excluded files are not', async () => {
  const lines = ['FROM busybox', 'COPY --exclude=*.md . /o/']
  builds.write('b.md', 'changed')
  await builds.build(lines)
  builds.write('b.md', 'again')
  const { steps } = await builds.build(lines)
  assert.ok(steps.every(({ cached }) => cached))
  const other = await builds.build(['FROM busybox', 'COPY --exclude=*.txt . /o/'])
  assert.equal(other.steps.at(-1)?.cached, false)
})

test('--parents keeps folders, from /./ on, and takes ** as any depth', async () => {
  assert.deepEqual(await names('COPY --parents src/sub/e.txt src/*.md /o/'), [
    'src',
    'src/d.md',
    'src/sub',
    'src/sub/e.txt',
  ])
  assert.deepEqual(await names('COPY --parents src/./sub/e.txt ./src/./c.txt /o/'), [
    'c.txt',
    'sub',
    'sub/e.txt',
  ])
  assert.deepEqual(await names('COPY --parents **/*.txt /o/'), [
    'a.txt',
    'src',
    'src/c.txt',
    'src/sub',
    'src/sub/deep',
    'src/sub/deep/g.txt',
    'src/sub/e.txt',
  ])
  assert.deepEqual(await names('COPY --parents --exclude=**/deep src/sub src/empty /o/'), [
    'src',
    'src/empty',
    'src/sub',
    'src/sub/e.txt',
  ])
  await assert.rejects(builds.build(['FROM busybox', 'COPY --parents src/none /o/']), { code: 'COPY_FAILED' })
})

test('folders that COPY makes take an octal --chmod, a symbolic one only what is copied', async () => {
  const list = async (line: string): Promise<string[]> =>
    (await builds.list(await builds.build(['FROM busybox', 'RUN mkdir /o', line]))).map((entry) =>
      entry.replace(/ = .*/, ''),
    )
  assert.deepEqual(await list('COPY --chmod=711 src/sub/deep /o/p/q/'), [
    'p 711 0:0',
    'p/q 711 0:0',
    'p/q/g.txt 711 0:0',
  ])
  assert.deepEqual(await list('COPY --chmod=4777 --chown=5:6 a.txt /o/p/'), ['p 755 5:6', 'p/a.txt 4777 5:6'])
  assert.deepEqual(await list('ARG M=u=rwX,go=\nCOPY --chmod=$M src/sub /o/p/'), [
    'p 755 0:0',
    'p/deep 700 0:0',
    'p/deep/g.txt 600 0:0',
    'p/e.txt 600 0:0',
  ])
  assert.deepEqual(await list('COPY --chmod=${NONE} --chown=$NONE a.txt /o/'), ['a.txt 644 0:0'])
})

test('a pattern that matches nothing is a warning; with a name it is an error', async () => {
  await builds.build(['FROM busybox', 'COPY nothing* a.txt /o/'])
  assert.deepEqual(builds.warnings(), ['CopyMatchesNothing: nothing in the build context matches "nothing*"'])
  await assert.rejects(builds.build(['FROM busybox', 'COPY nothing a.txt /o/']), (error) => {
    assert.ok(isMilleError(error, 'COPY_FAILED'))
    assert.match(error.message, /> +2 \| COPY nothing a\.txt/)
    return true
  })
})

test('wildcards go through links of the context to folders', async () => {
  symlinkSync('src', join(builds.context, 'link'))
  assert.deepEqual(await names('COPY l[i]nk/su?/e.* /o/'), ['e.txt'])
})

test('names of one file stay one file, also when an owner is asked for; what another source replaced is no target', async () => {
  const lines = [
    'FROM busybox AS files',
    'RUN mkdir -p /f/sub /g && echo 1 > /f/a && ln /f/a /f/b && ln /f/a /f/sub/c && echo other > /g/a',
    'FROM busybox',
  ]
  const inodes = async (copy: string): Promise<string> => {
    await builds.build([...lines, copy, 'RUN cd /o && stat -c "%n %h %u $(cat a) $(cat b)" a b sub/c'])
    return builds.output().trim()
  }
  assert.match(await inodes('COPY --from=files --chown=7 /f /o/'), /a 3 7 1 1\nb 3 7 1 1\nsub\/c 3 7 1 1/)
  assert.match(
    await inodes('COPY --from=files /f /g /o/'),
    /a 1 0 other 1\nb 1 0 other 1\nsub\/c 1 0 other 1/,
  )
})

test('a folder whose content is copied gives its time to the one it is copied into', async () => {
  utimesSync(join(builds.context, 'src'), 1_600_000_000, 1_600_000_000)
  await builds.build(['FROM busybox', 'RUN mkdir /o', 'COPY src /o', 'COPY src /p', 'RUN stat -c %Y /o /p'])
  assert.match(builds.output(), /1600000000\n1600000000/)
})
