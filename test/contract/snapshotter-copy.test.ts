import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { folderBytes } from '../../src/linux/folder-size.ts'
import { layerBench } from '../support/layer-bench.ts'
import { applyAll, file, folder } from '../support/layer-entries.ts'
import { snapshotterContract } from './snapshotter.ts'

snapshotterContract('copy')

test('copy: what a layer does not change is on the disk once, and no step on one stack changes another', async () => {
  await using bench = layerBench('copy')
  const { snapshots } = bench
  const large = 'x'.repeat(4_000_000)
  const base = await applyAll(bench, [folder('d'), file('d/large', large), file('changed', 'old')])
  const layer = await bench.layers.write([file('changed', 'new')])
  const top = await snapshots.apply(layer.diffId, base)
  const bytes = folderBytes(join(bench.root, 'snapshots'))
  assert.ok(bytes < 6_000_000, `${bytes} bytes`)

  const { path } = await snapshots.prepare('step', top)
  appendFileSync(join(path, 'd/large'), 'more')
  chmodSync(join(path, 'changed'), 0o600)
  for (const [chain, text] of [
    [base, 'old'],
    [top, 'new'],
  ] as const) {
    const view = await snapshots.view(text, chain)
    assert.equal(statSync(join(view.path, 'd/large')).size, large.length)
    assert.equal(statSync(join(view.path, 'changed')).mode & 0o777, 0o644)
    assert.equal(readFileSync(join(view.path, 'changed'), 'utf8'), text)
    await snapshots.remove(text)
  }
  await snapshots.remove('step')
  // the large file stays with the other chain
  assert.ok((await snapshots.removeChains([top])) < 100_000)
  assert.ok((await snapshots.removeChains([base])) > 4_000_000)
})
