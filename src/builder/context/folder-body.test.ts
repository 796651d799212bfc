import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setXattr } from '../../linux/xattr.ts'
import { writeLayer } from '../../store/layers/layer-writer.ts'
import type { LayerEntry } from '../../store/store.ts'
import { isMilleError } from '../../util/errors.ts'
import { WorkerPool } from '../../util/worker-pool.ts'
import { CopyEntries } from '../operations/copy-entries.ts'
import { LowerRoot } from '../operations/lower-root.ts'
import { FolderTree } from './folder-tree.ts'

const sinkWorker = new URL('../../store/layers/tar-sink-worker.ts', import.meta.url)

/** 30 MiB: more than one thread would be left alone with. */
function makeContext(t: TestContext): { readonly path: string; readonly base: string } {
  const base = mkdtempSync(join(tmpdir(), 'mille-body-'))
  t.after(() => rmSync(base, { recursive: true }))
  const path = join(base, 'context')
  for (let index = 0; index < 60; index++) {
    const folder = join(path, `d${index % 7}`, index % 2 === 0 ? 'deep' : '')
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, `f${index}`),
      Buffer.alloc(index % 5 === 0 ? index * 100_000 : index, `${index}.`),
    )
  }
  writeFileSync(join(path, 'd0/\u00fcml\u00e4ut'), 'name')
  return { path, base }
}

function entriesOf(tree: FolderTree, hashing: boolean): readonly LayerEntry[] {
  const lower = new LowerRoot(undefined)
  const entries = new CopyEntries({ lower, destination: '/', intoFolder: true, constantTime: 0n, hashing })
  entries.addTree(tree, { node: tree.root, name: '' })
  return entries.entries()
}

test('another thread reads the files of a context to the same layer, and learns their digests', async (t) => {
  const { path, base } = makeContext(t)
  setXattr(join(path, 'd0/deep/f14'), 'user.mark', Buffer.from('yes'))
  await using threads = new WorkerPool(sinkWorker, 2)
  await using alone = new FolderTree(path, { isContext: true })
  await using together = new FolderTree(path, { isContext: true })
  const first = await writeLayer(join(base, 'alone'), entriesOf(alone, true))
  const second = await writeLayer(join(base, 'together'), entriesOf(together, true), { threads })
  assert.equal(second.diffId, first.diffId)
  assert.deepEqual(second.table, first.table)
  const [one, other] = [alone, together].map((tree) =>
    tree.children(tree.root).flatMap((folder) =>
      tree
        .children(folder)
        .flatMap((node) => [node, ...tree.children(node)])
        .filter((node) => tree.isHashed(node))
        .map((node) => [node.name, tree.digest(node).toString('hex'), tree.xattrs(node)?.size]),
    ),
  )
  assert.equal(one?.length, 61)
  assert.deepEqual(other, one)
})

test('a file that changes before the other thread reads it ends the layer', async (t) => {
  const changes: Record<string, (file: string) => void> = {
    'other bytes': (file) => writeFileSync(file, 'x'.repeat(55 * 100_000)),
    shorter: (file) => truncateSync(file, 1000),
    longer: (file) => writeFileSync(file, 'x', { flag: 'a' }),
    gone: (file) => rmSync(file),
    'a link': (file) => {
      rmSync(file)
      symlinkSync('/etc/passwd', file)
    },
    'a fifo': (file) => {
      rmSync(file)
      execFileSync('mkfifo', [file])
    },
    'in a folder that became a link': (file) => {
      renameSync(join(file, '..'), join(file, '../../moved'))
      symlinkSync('moved', join(file, '..'))
    },
  }
  await using threads = new WorkerPool(sinkWorker, 2)
  for (const [name, change] of Object.entries(changes)) {
    const { path, base } = makeContext(t)
    await using tree = new FolderTree(path, { isContext: true })
    const entries = entriesOf(tree, false)
    change(join(path, 'd6/f55'))
    await assert.rejects(
      writeLayer(join(base, 'layer'), entries, { threads }),
      (error) => isMilleError(error, 'BUILD_CONTEXT_CHANGED') && error.details['path'] !== undefined,
      name,
    )
  }
})
