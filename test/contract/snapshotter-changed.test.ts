import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LayerEntry } from '../../src/store/store.ts'
import type { Snapshotter } from '../../src/store/snapshotter.ts'
import { openStore } from '../../src/store/open-store.ts'
import { openTempStore } from '../support/temp-store.ts'

const file = (path: string, text: string): LayerEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0n,
  size: text.length,
  body: { kind: 'bytes', bytes: Buffer.from(text) },
})

const data: Readonly<Record<Snapshotter['kind'], string>> = {
  erofs: 'erofs',
  unpacked: 'unpacked',
  copy: 'copied',
}

for (const [from, to] of [
  ['erofs', 'unpacked'],
  ['unpacked', 'erofs'],
] as const)
  test(`after a change from ${from} to ${to} stacks are made again when used, the old ones go`, async () => {
    await using store = await openTempStore({ snapshotter: from })
    const names = (kind: Snapshotter['kind']): string[] =>
      readdirSync(join(store.root, 'snapshots', data[kind]))
    const { diffId } = await store.layers.write([file('a', 'lower')])
    const lower = await store.snapshots.apply(diffId, undefined)
    const second = await store.layers.write([file('b', 'upper')])
    const chain = await store.snapshots.apply(second.diffId, lower)
    store.records('container').insert({ id: 'c', name: 'c', data: 1, holds: [{ kind: 'chain', chain }] })
    await store.snapshots.prepare('c', chain)

    await using other = await openStore(store.root, { snapshotter: to })
    // mounted by the old kind: its layers stay below the feet of whoever runs on it
    await other.collect()
    assert.equal(names(from).length, 2)
    assert.equal(await other.snapshots.has(chain), false)
    await other.snapshots.unmount('c')
    const { path } = await other.snapshots.mount('c')
    assert.equal(await other.snapshots.has(chain), true)
    assert.equal(readFileSync(join(path, 'a'), 'utf8'), 'lower')
    assert.equal(readFileSync(join(path, 'b'), 'utf8'), 'upper')
    await other.snapshots.unmount('c')
    await other.collect()
    assert.deepEqual(names(from), [])
    assert.equal(names(to).length, 2)

    // and back: nothing but the tars is left of it
    await using again = await openStore(store.root, { snapshotter: from })
    assert.equal(readFileSync(join((await again.snapshots.mount('c')).path, 'a'), 'utf8'), 'lower')
    await again.snapshots.remove('c')
    again.records('container').remove('c')
    await again.collect()
    assert.deepEqual([...names(from), ...names(to)], [])
    assert.deepEqual(await again.snapshots.chains(), [])
    assert.deepEqual(readdirSync(join(store.root, 'blobs/sha256')), [])
  })

for (const [from, to, folder] of [
  ['copy', 'erofs', 'copies'],
  ['unpacked', 'copy', 'active'],
] as const)
  test(`after a change from ${from} to ${to} snapshots that nobody owns are collected, others stay`, async () => {
    await using store = await openTempStore({ snapshotter: from })
    const { diffId } = await store.layers.write([file('a', 'x')])
    const chain = await store.snapshots.apply(diffId, undefined)
    store.records('container').insert({ id: 'kept', name: 'kept', data: 1, holds: [] })
    await store.snapshots.prepare('build-dead', chain)
    const { path } = await store.snapshots.prepare('container-kept', chain)

    await using other = await openStore(store.root, { snapshotter: to })
    assert.equal((await other.collect()).snapshots, 1)
    assert.deepEqual(readdirSync(join(store.root, 'snapshots', folder)), ['container-kept'])
    assert.deepEqual(await other.snapshots.list(), [{ key: 'container-kept', parent: chain }])
    assert.equal(readFileSync(join(path, 'a'), 'utf8'), 'x')
    await other.snapshots.remove('container-kept')
    assert.deepEqual(await other.snapshots.list(), [])
    await assert.rejects(other.snapshots.remove('container-kept'), { code: 'SNAPSHOT_NOT_FOUND' })
  })

test('collection drops the data of layers that a crash left without a record', async () => {
  await using store = await openTempStore({ snapshotter: 'erofs' })
  const { diffId } = await store.layers.write([file('a', 'x')])
  const chain = await store.snapshots.apply(diffId, undefined)
  store.records('container').insert({ id: 'c', name: 'c', data: 1, holds: [{ kind: 'chain', chain }] })
  const orphan = join(store.root, 'snapshots/erofs', `${'0'.repeat(64)}.erofs`)
  const [index] = readdirSync(join(store.root, 'snapshots/erofs'))
  copyFileSync(join(store.root, 'snapshots/erofs', index ?? ''), orphan)
  const { bytes } = await store.collect()
  assert.ok(bytes > 0)
  assert.equal(existsSync(orphan), false)
  assert.equal(await store.snapshots.has(chain), true)
})
