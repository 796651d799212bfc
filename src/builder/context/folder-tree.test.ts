import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { parseIgnore } from '../../dockerfile/ignore.ts'
import { setXattr } from '../../linux/xattr.ts'
import { contentDigest, listFiles, readSelection } from './content-digest.ts'
import { FolderTree } from './folder-tree.ts'
import { selectSources } from './select-sources.ts'
import { pathOf } from './source-tree.ts'

interface Folder {
  readonly path: string
  readonly index: string
  write(name: string, text: string): void
}

function makeFolder(t: TestContext): Folder {
  const base = mkdtempSync(join(tmpdir(), 'mille-tree-'))
  t.after(() => rmSync(base, { recursive: true }))
  const path = join(base, 'context')
  mkdirSync(path)
  return {
    path,
    index: join(base, 'index'),
    write: (name, text) => {
      mkdirSync(join(path, name, '..'), { recursive: true })
      writeFileSync(join(path, name), text)
    },
  }
}

const open = (folder: Folder): FolderTree =>
  new FolderTree(folder.path, { isContext: true, indexFile: folder.index })

async function digestOf(folder: Folder, source = '.'): Promise<string> {
  await using tree = open(folder)
  const selected = selectSources(tree, source)
  return contentDigest(await readSelection(tree, selected, undefined))
}

/** Longer than the time in which a change might not show in a file's times. */
const settled = 120

test('digests are those of the bytes; every kind of change gives another one, times and umask do not', async (t) => {
  const folder = makeFolder(t)
  folder.write('a/b.txt', 'bytes')
  folder.write('a/c.txt', 'more')
  const file = join(folder.path, 'a/b.txt')
  chmodSync(file, 0o644)
  await using tree = open(folder)
  const [found] = selectSources(tree, 'a/b.txt')
  assert.ok(found)
  assert.equal(tree.digest(found.node).toString('hex'), createHash('sha256').update('bytes').digest('hex'))
  const first = await digestOf(folder)
  utimesSync(file, 5, 5)
  chmodSync(file, 0o640)
  assert.equal(await digestOf(folder), first)
  const changes = [
    () => folder.write('a/b.txt', 'other'),
    () => chmodSync(file, 0o755),
    () => folder.write('a/d', ''),
    () => symlinkSync('b.txt', join(folder.path, 'a/link')),
    () => renameSync(file, join(folder.path, 'a/z.txt')),
  ]
  const seen = new Set([first])
  for (const change of changes) {
    change()
    seen.add(await digestOf(folder))
  }
  assert.equal(seen.size, changes.length + 1)
})

test('an unchanged file is known without being read, a changed one is read', async (t) => {
  const folder = makeFolder(t)
  folder.write('keep', 'same')
  folder.write('edit', 'one!')
  await delay(settled)
  const first = await digestOf(folder)
  {
    await using tree = open(folder)
    assert.deepEqual(
      tree.children(tree.root).map((node) => tree.isHashed(node)),
      [true, true],
    )
  }
  folder.write('edit', 'two!')
  await using tree = open(folder)
  const known = Object.fromEntries(tree.children(tree.root).map((node) => [node.name, tree.isHashed(node)]))
  assert.deepEqual(known, { edit: false, keep: true })
  assert.notEqual(await digestOf(folder), first)
})

test('a file changed just before it was looked at is not trusted the next time', async (t) => {
  const folder = makeFolder(t)
  folder.write('fresh', '1234')
  await digestOf(folder)
  await using tree = open(folder)
  assert.deepEqual(
    tree.children(tree.root).map((node) => tree.isHashed(node)),
    [false],
  )
})

test('names added, removed and renamed are seen although folders are not listed again', async (t) => {
  const folder = makeFolder(t)
  for (const name of ['d/1', 'd/2', 'e/x']) folder.write(name, name)
  await delay(settled)
  await digestOf(folder)
  rmSync(join(folder.path, 'd/1'))
  folder.write('d/3', '')
  await using tree = open(folder)
  const names = selectSources(tree, '*').flatMap(({ node }) =>
    tree.children(node).map((child) => pathOf(child)),
  )
  assert.deepEqual(names, ['d/2', 'd/3', 'e/x'])
})

test('a capability of a file counts, also when the file is known from the index', async (t) => {
  const folder = makeFolder(t)
  folder.write('tool', 'x')
  await delay(settled)
  const plain = await digestOf(folder)
  // cap_net_raw=ep, as setcap writes it
  setXattr(
    join(folder.path, 'tool'),
    'security.capability',
    Buffer.from('0100000200200000000000000000000000000000', 'hex'),
  )
  await delay(settled)
  const capable = await digestOf(folder)
  assert.notEqual(capable, plain)
  assert.equal(await digestOf(folder), capable)
})

test('a damaged index is no index', async (t) => {
  const folder = makeFolder(t)
  folder.write('a', 'a')
  const first = await digestOf(folder)
  for (const bytes of ['', 'x'.repeat(64), Buffer.alloc(4096)]) {
    writeFileSync(folder.index, bytes)
    assert.equal(await digestOf(folder), first)
  }
})

test('a file that changes after it was looked at is an error, not a wrong key', async (t) => {
  const folder = makeFolder(t)
  folder.write('a', 'before')
  await using tree = open(folder)
  const [node] = tree.children(tree.root)
  assert.ok(node)
  folder.write('a', 'after, longer')
  assert.throws(() => tree.digest(node), { code: 'BUILD_CONTEXT_CHANGED' })
  assert.throws(() => tree.recheck(node), { code: 'BUILD_CONTEXT_CHANGED' })
})

test('the ignore file hides; what a later rule takes back is there with its folders', async (t) => {
  const folder = makeFolder(t)
  for (const name of ['a.md', 'keep.md', 'dir/x', 'dir/y', 'other/z']) folder.write(name, '')
  const rules = parseIgnore('*.md\n!keep.md\ndir\n!dir/y\nother', '.dockerignore')
  await using tree = new FolderTree(folder.path, {
    isContext: true,
    ignore: { rules, file: '.dockerignore' },
  })
  const list = [...listFiles(await readSelection(tree, selectSources(tree, '.'), undefined))].map(
    ([path]) => path,
  )
  assert.deepEqual(list, ['dir', 'dir/y', 'keep.md'])
  assert.equal(tree.explainMissing('a.md'), 'it is there, but line 1 of .dockerignore hides it: *.md')
  assert.equal(tree.explainMissing('nothing.md'), undefined, 'not there at all')
})

test('links are followed inside the tree only, and never in circles', async (t) => {
  const folder = makeFolder(t)
  folder.write('real/file', 'x')
  const link = (target: string, name: string): void => symlinkSync(target, join(folder.path, name))
  link('real', 'near')
  link('/real/file', 'absolute')
  link('../../../../../../etc', 'away')
  link('loop', 'loop')
  await using tree = open(folder)
  const path = (source: string): string[] => selectSources(tree, source).map(({ node }) => pathOf(node))
  assert.deepEqual(path('near/file'), ['real/file'])
  assert.deepEqual(path('absolute'), ['real/file'])
  assert.deepEqual(path('away/passwd'), [])
  assert.deepEqual(path('../../real/./file'), ['real/file'])
  assert.throws(() => path('loop'), { code: 'PATH_LOOP' })
})

test('wildcards match within one part; a literal name wins', async (t) => {
  const folder = makeFolder(t)
  for (const name of ['a1', 'a2', 'b[x]', 'sub/a3']) folder.write(name, '')
  await using tree = open(folder)
  const names = (source: string): string[] => selectSources(tree, source).map(({ node }) => pathOf(node))
  assert.deepEqual(names('a?'), ['a1', 'a2'])
  assert.deepEqual(names('*/a*'), ['sub/a3'])
  assert.deepEqual(names('b[x]'), ['b[x]'])
  assert.deepEqual(names('c*'), [])
})
