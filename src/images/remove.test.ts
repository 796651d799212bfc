import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { shortId } from '../oci/digest.ts'
import type { Store } from '../store/store.ts'
import { imageUsers, storeImage } from '../../test/support/store-image.ts'
import { openTempStore } from '../../test/support/temp-store.ts'
import type { RemovalLine } from './images.ts'
import { createImages } from './create-images.ts'
import { listImages } from './list.ts'
import { pruneImages, removeImage } from './remove.ts'

const container = 'c'.repeat(64)
const nobody = imageUsers()
let store: Store

before(async () => {
  store = await openTempStore()
})
after(() => store[Symbol.asyncDispose]())

const unused = (): never => assert.fail('removing needs no registry and no builder')
const name = (text: string): string => `docker.io/library/${text}`

function text(lines: readonly RemovalLine[]): string[] {
  return lines.map((line) => ('untagged' in line ? `Untagged: ${line.untagged}` : `Deleted: ${line.deleted}`))
}

test('one of two tags is only untagged, the last takes the image with it (A31)', async () => {
  const { id } = await storeImage(store, { a: '1' }, { names: [name('two:1'), name('two:2')] })
  assert.deepEqual(text(await removeImage(store, nobody, 'two:1')), ['Untagged: two:1'])
  assert.deepEqual(text(await removeImage(store, nobody, 'two:2')), ['Untagged: two:2', `Deleted: ${id}`])
  await assert.rejects(removeImage(store, nobody, 'two:2'), {
    code: 'NO_SUCH_IMAGE',
    message: 'No such image: two:2',
  })
})

test('an ID with several names needs force (A32)', async () => {
  const { id } = await storeImage(store, { a: '2' }, { names: [name('x:1'), name('y:1')] })
  await assert.rejects(removeImage(store, nobody, shortId(id)), {
    kind: 'conflict',
    message: `conflict: unable to delete ${shortId(id)} (must be forced) - image is referenced in multiple repositories`,
  })
  assert.deepEqual(text(await removeImage(store, nobody, shortId(id), { force: true })), [
    'Untagged: x:1',
    'Untagged: y:1',
    `Deleted: ${id}`,
  ])
})

test('an image that a container uses stays (A33), and is only untagged by force', async () => {
  const { id } = await storeImage(store, { a: '3' }, { names: [name('used:latest')] })
  const short = shortId(id)
  const stopped = imageUsers(new Map([[id, [{ containerId: container, running: false }]]]))
  const running = imageUsers(new Map([[id, [{ containerId: container, running: true }]]]))
  await assert.rejects(removeImage(store, stopped, 'used'), {
    message: `conflict: unable to remove repository reference "used" (must force) - container cccccccccccc is using its referenced image ${short}`,
  })
  await assert.rejects(removeImage(store, stopped, short), {
    message: `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container cccccccccccc`,
  })
  for (const force of [false, true]) {
    await assert.rejects(removeImage(store, running, short, { force }), {
      message: `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container cccccccccccc`,
    })
  }
  assert.deepEqual(text(await removeImage(store, running, 'used', { force: true })), [
    'Untagged: used:latest',
  ])
  assert.equal(store.images.get(id)?.names.length, 0)
  assert.deepEqual(text(await removeImage(store, stopped, short, { force: true })), [`Deleted: ${id}`])
})

test('digests go with the last tag of their repository, and keep the image when of another', async () => {
  const { id } = await storeImage(store, { a: '4' }, { names: [name('p:1'), name('q:1')] })
  const digest = `sha256:${'1'.repeat(64)}`
  store.images.addRepoDigest(`docker.io/library/p@${digest}`, id)
  assert.deepEqual(text(await removeImage(store, nobody, 'p:1')), ['Untagged: p:1', `Untagged: p@${digest}`])
  store.images.addRepoDigest(`docker.io/library/p@${digest}`, id)
  assert.deepEqual(text(await removeImage(store, nobody, 'q:1')), ['Untagged: q:1'])
  assert.deepEqual(text(await removeImage(store, nobody, `p@${digest}`)), [
    `Untagged: p@${digest}`,
    `Deleted: ${id}`,
  ])
})

test('a parent of other images is untagged only, hidden, and goes with the last of them (B-GC-4)', async () => {
  const parent = await storeImage(store, { base: '1' }, { names: [name('parent:latest')] })
  const child = await storeImage(store, { app: '1' }, { names: [name('child:latest')], parent })
  await assert.rejects(removeImage(store, nobody, shortId(parent.id), { force: true }), {
    message: `conflict: unable to delete ${shortId(parent.id)} (cannot be forced) - image has dependent child images`,
  })
  assert.deepEqual(text(await removeImage(store, nobody, 'parent')), ['Untagged: parent:latest'])
  const shown = async (all: boolean): Promise<string[]> =>
    (await listImages(store, nobody, { all })).map(({ id }) => id)
  assert.deepEqual(await shown(false), [child.id])
  assert.deepEqual(await shown(true), [child.id, parent.id])
  assert.deepEqual(text((await pruneImages(store, nobody, {})).removed), [])
  assert.deepEqual(text(await removeImage(store, nobody, 'child')), [
    'Untagged: child:latest',
    `Deleted: ${child.id}`,
    `Deleted: ${parent.id}`,
  ])
})

test('without pruning the untagged parents stay', async () => {
  const named = { names: [name('leaf:latest')] }
  const parent = await storeImage(store, { base: '2' })
  const first = await storeImage(store, { app: '2' }, { ...named, parent })
  const lines = await createImages({
    store,
    users: nobody,
    openRepository: unused,
    applyChanges: unused,
  }).remove('leaf', { prune: false })
  assert.deepEqual(text(lines), ['Untagged: leaf:latest', `Deleted: ${first.id}`])
  const second = await storeImage(store, { app: '3' }, { ...named, parent })
  const byId = await removeImage(store, nobody, shortId(second.id), { prune: false })
  assert.deepEqual(text(byId), ['Untagged: leaf:latest', `Deleted: ${second.id}`])
  assert.deepEqual(text(await removeImage(store, nobody, shortId(parent.id))), [`Deleted: ${parent.id}`])
})

test('prune removes dangling images; with all, every image that no container uses (A30)', async () => {
  const dangling = await storeImage(store, { a: '5' })
  const unused = await storeImage(store, { a: '6' }, { names: [name('unused:latest')] })
  const used = await storeImage(store, { a: '7' }, { names: [name('kept:latest')] })
  const users = imageUsers(new Map([[used.id, [{ containerId: container, running: false }]]]))
  const first = await pruneImages(store, users, {})
  assert.deepEqual(text(first.removed), [`Deleted: ${dangling.id}`])
  assert(first.reclaimed > 1000)
  assert.deepEqual(text((await pruneImages(store, users, { all: true, label: ['nope'] })).removed), [])
  assert.deepEqual(text((await pruneImages(store, users, { all: true })).removed), [
    'Untagged: unused:latest',
    `Deleted: ${unused.id}`,
  ])
  assert.deepEqual(
    store.images.list().map(({ id }) => id),
    [used.id],
  )
})

test('prune of a parent keeps the layers that its children share (A05)', async () => {
  const parent = await storeImage(store, { base: '2' }, { names: [name('base:latest')] })
  const child = await storeImage(store, { app: '2' }, { names: [name('app:latest')], parent })
  const users = imageUsers(new Map([[child.id, [{ containerId: container, running: true }]]]))
  const removed = text((await pruneImages(store, users, { all: true, label: [] })).removed)
  assert(removed.includes('Untagged: base:latest'))
  for (const diffId of child.config.rootfs.diff_ids) assert(await store.layers.find(diffId))
})
