import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { parseIgnore } from '../../dockerfile/ignore.ts'
import { sha256, type Digest } from '../../oci/digest.ts'
import { contentDigest, readSelection } from './content-digest.ts'
import { FolderTree } from './folder-tree.ts'
import { selectSources } from './select-sources.ts'

/** Longer than the time in which a change might not show in a file's times. */
const settled = 120

interface Context {
  readonly path: string
  /** Reads what `source` names and keeps its digest. */
  read(source: string, ignore?: string): Promise<Digest>
  /** What is remembered of it. */
  recall(source: string, ignore?: string): Promise<Digest | undefined>
}

async function makeContext(t: TestContext): Promise<Context> {
  const base = mkdtempSync(join(tmpdir(), 'mille-remembered-'))
  t.after(() => rmSync(base, { recursive: true }))
  const path = join(base, 'context')
  for (const name of ['a/one', 'a/deep/two', 'b/three']) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), name)
  }
  symlinkSync('one', join(path, 'a/link'))
  await delay(settled)
  const open = (ignore: string): FolderTree =>
    new FolderTree(path, {
      isContext: true,
      indexFile: join(base, 'index'),
      ignore: { rules: parseIgnore(ignore, 'ignore'), file: 'ignore' },
    })
  return {
    path,
    async read(source, ignore = '') {
      await using tree = open(ignore)
      const digest = contentDigest(await readSelection(tree, selectSources(tree, source), undefined))
      tree.remember(sha256(source), digest)
      return digest
    },
    async recall(source, ignore = '') {
      await using tree = open(ignore)
      return tree.remembered(sha256(source), [source === '.' ? [] : source.split('/')])
    },
  }
}

test('what did not change is remembered; what changed elsewhere does not matter', async (t) => {
  const context = await makeContext(t)
  assert.equal(await context.recall('a'), undefined)
  const whole = await context.read('.')
  const part = await context.read('a')
  assert.notEqual(whole, part)
  assert.equal(await context.recall('.'), whole)
  assert.equal(await context.recall('a'), part)
  writeFileSync(join(context.path, 'b/three'), 'other')
  assert.equal(await context.recall('a'), part)
  assert.equal(await context.recall('.'), undefined)
})

test('every kind of change is seen', async (t) => {
  const changes: Record<string, (path: string) => void> = {
    'a file of the same size with its old time': (path) => {
      const { atime, mtime } = statSync(join(path, 'a/deep/two'))
      writeFileSync(join(path, 'a/deep/two'), 'a/deep/TWO')
      utimesSync(join(path, 'a/deep/two'), atime, mtime)
    },
    'a mode': (path) => chmodSync(join(path, 'a/one'), 0o755),
    'a new file': (path) => writeFileSync(join(path, 'a/deep/new'), ''),
    'a file less': (path) => rmSync(join(path, 'a/one')),
    'another name': (path) => renameSync(join(path, 'a/one'), join(path, 'a/uno')),
    'another link': (path) => {
      rmSync(join(path, 'a/link'))
      symlinkSync('deep/two', join(path, 'a/link'))
    },
    'a folder that became a link': (path) => {
      renameSync(join(path, 'a/deep'), join(path, 'b/deep'))
      symlinkSync('../b/deep', join(path, 'a/deep'))
    },
    'the folder itself that became a link': (path) => {
      renameSync(join(path, 'a'), join(path, 'b/a'))
      symlinkSync('b/a', join(path, 'a'))
    },
    'another file put in its place': (path) => {
      writeFileSync(join(path, 'b/new'), 'a/one')
      renameSync(join(path, 'b/new'), join(path, 'a/one'))
    },
  }
  for (const [name, change] of Object.entries(changes)) {
    const context = await makeContext(t)
    const digest = await context.read('a')
    assert.equal(await context.recall('a'), digest)
    change(context.path)
    assert.equal(await context.recall('a'), undefined, name)
  }
})

test('a change that was read for one selection makes the others forgotten', async (t) => {
  const context = await makeContext(t)
  await context.read('.')
  const part = await context.read('a')
  writeFileSync(join(context.path, 'a/one'), 'a/ONE')
  await delay(settled)
  const changed = await context.read('a')
  assert.notEqual(changed, part)
  assert.equal(await context.recall('a'), changed)
  assert.equal(await context.recall('.'), undefined)
})

test('other ignore rules, and what they hide, are no part of what is remembered', async (t) => {
  const context = await makeContext(t)
  const all = await context.read('.')
  assert.equal(await context.recall('.', 'b'), undefined)
  const some = await context.read('.', 'b')
  assert.notEqual(some, all)
  writeFileSync(join(context.path, 'b/three'), 'hidden')
  assert.equal(await context.recall('.', 'b'), some)
  assert.notEqual(await context.read('.'), all)
})

test('a file changed just before it was read is not trusted', async (t) => {
  const context = await makeContext(t)
  writeFileSync(join(context.path, 'a/one'), 'fresh')
  await context.read('a')
  assert.equal(await context.recall('a'), undefined)
})
