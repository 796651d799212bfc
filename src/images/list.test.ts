import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ImageRecord, Store } from '../store/store.ts'
import { imageUsers, storeImage } from '../../test/support/store-image.ts'
import { openTempStore } from '../../test/support/temp-store.ts'
import { imageHistory } from './history.ts'
import type { ImageFilters } from './images.ts'
import { inspectImage, listImages } from './list.ts'
import { tagImage } from './tag.ts'
import { imageTree } from './tree.ts'

const users = imageUsers()
let store: Store
let base: ImageRecord
let app: ImageRecord
let other: ImageRecord

before(async () => {
  store = await openTempStore()
  base = await storeImage(store, { etc: 'a'.repeat(5000) }, { names: ['docker.io/library/base:latest'] })
  app = await storeImage(
    store,
    { app: 'b' },
    {
      names: ['docker.io/library/app:1', 'localhost:5000/team/app:2'],
      parent: base,
      labels: { tier: 'web', empty: '' },
    },
  )
  other = await storeImage(store, { other: 'c' })
})
after(() => store[Symbol.asyncDispose]())

async function tags(filters: ImageFilters): Promise<string[][]> {
  return (await listImages(store, users, filters)).map(({ repoTags }) => [...repoTags])
}

test('newest first; a dangling image has no tags', async () => {
  assert.deepEqual(await tags({}), [[], ['app:1', 'localhost:5000/team/app:2'], ['base:latest']])
})

test('reference shows only the names that match, `*` stops at a slash (C01)', async () => {
  const reference = (pattern: string): Promise<string[][]> => tags({ reference: [pattern] })
  assert.deepEqual(await reference('app'), [['app:1']])
  assert.deepEqual(await reference('app:1'), [['app:1']])
  assert.deepEqual(await reference('ap*'), [['app:1']])
  assert.deepEqual(await reference('*'), [['app:1'], ['base:latest']])
  assert.deepEqual(await reference('localhost:5000/*/app'), [['localhost:5000/team/app:2']])
  assert.deepEqual(await reference('*:[12]'), [['app:1']])
  assert.deepEqual(await reference('ap'), [])
  assert.deepEqual(await tags({ reference: ['base', 'app'] }), [['app:1'], ['base:latest']])
})

test('an image without tags is found by the repository of its digest', async () => {
  const digest = `docker.io/library/pinned@sha256:${'2'.repeat(64)}`
  store.images.addRepoDigest(digest, other.id)
  const [found, ...more] = await listImages(store, users, { reference: ['pinned'] })
  assert.equal(found?.id, other.id)
  assert.deepEqual(found.repoDigests, [`pinned@sha256:${'2'.repeat(64)}`])
  assert.equal(more.length, 0)
  store.images.untag(digest)
})

test('filters: dangling, labels with and without value, before, since; all of them must hold', async () => {
  assert.deepEqual(await tags({ dangling: true }), [[]])
  assert.deepEqual((await tags({ dangling: false })).length, 2)
  assert.deepEqual((await tags({ label: ['tier'] })).length, 1)
  assert.deepEqual((await tags({ label: ['tier=web', 'empty='] })).length, 1)
  assert.deepEqual((await tags({ label: ['tier=db'] })).length, 0)
  assert.deepEqual((await tags({ label: ['toString'] })).length, 0)
  assert.deepEqual((await tags({ notLabel: ['tier'] })).length, 2)
  assert.deepEqual(await tags({ before: 'app:1' }), [['base:latest']])
  assert.deepEqual(await tags({ since: 'app:1' }), [[]])
  assert.deepEqual(await tags({ since: 'base', dangling: true }), [[]])
  await assert.rejects(tags({ before: 'nope' }), { message: 'No such image: nope:latest' })
})

test('what images share counts once: SHARED SIZE is the base, UNIQUE SIZE the rest (A04)', async () => {
  const byId = new Map((await listImages(store, users, {})).map((image) => [image.id, image]))
  assert.equal(byId.get(base.id)?.sharedSize, base.size)
  assert.equal(byId.get(app.id)?.sharedSize, base.size)
  assert.equal(byId.get(app.id)?.size, app.size)
  assert(app.size > base.size)
  assert.equal(byId.get(other.id)?.sharedSize, 0)
})

test('inspect by name, by ID prefix, by digest', async () => {
  for (const name of ['app:1', app.id, app.id.slice(7, 19), 'localhost:5000/team/app:2'])
    assert.equal((await inspectImage(store, users, name)).id, app.id)
  await assert.rejects(inspectImage(store, users, 'app'), { message: 'No such image: app:latest' })
  assert.equal((await inspectImage(store, users, 'app:1')).parent, base.id)
})

test('history: newest first; rows of local images carry their ID, others none (A36)', async () => {
  const rows = await imageHistory(store, 'app:1')
  assert.deepEqual(
    rows.map(({ id, createdBy, tags: names }) => [id, createdBy, names]),
    [
      [app.id, 'made app', ['app:1', 'localhost:5000/team/app:2']],
      [base.id, 'made etc', ['base:latest']],
    ],
  )
  assert.deepEqual(
    rows.map(({ size }) => size),
    [app.size - base.size, base.size],
  )
})

test('tree: each image below the one it is built on (A05)', () => {
  const tree = imageTree(store)
  assert.deepEqual(
    tree.map(({ id }) => id),
    [base.id, other.id],
  )
  assert.deepEqual(
    tree[0]?.children.map(({ id }) => id),
    [app.id],
  )
})

test('tag moves a name; a missing source and a bad target are refused (A27, A28)', async () => {
  tagImage(store, 'app:1', 'moving')
  assert.equal((await inspectImage(store, users, 'moving')).id, app.id)
  tagImage(store, other.id.slice(7, 17), 'moving:latest')
  assert.equal((await inspectImage(store, users, 'moving')).id, other.id)
  assert(store.images.untag('docker.io/library/moving:latest'))
  assert.throws(() => tagImage(store, 'nope', 'x'), { message: 'No such image: nope:latest' })
  assert.throws(() => tagImage(store, 'app:1', 'UPPER'), { code: 'REFERENCE_INVALID' })
  assert.throws(() => tagImage(store, 'app:1', `x@sha256:${'a'.repeat(64)}`), {
    message: 'refusing to create a tag with a digest reference',
  })
  assert.throws(() => tagImage(store, 'app:1', 'sha256:abcd'), {
    message: 'refusing to create an ambiguous tag using digest algorithm as name',
  })
  tagImage(store, 'app:1', 'localhost:5000/sha256:abcd')
  assert(store.images.untag('localhost:5000/sha256:abcd'))
})
