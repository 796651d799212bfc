import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { plainDraft } from '../../../test/support/plain-image.ts'
import { openTempStore } from '../../../test/support/temp-store.ts'
import type { Digest } from '../../oci/digest.ts'
import { sha256 } from '../../oci/digest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { isMilleError } from '../../util/errors.ts'
import { openStore } from '../open-store.ts'

const alpine = 'docker.io/library/alpine:latest'

test('create writes config and manifest, which name the plain tars, and the record', async () => {
  await using store = await openTempStore()
  const image = await store.images.create(await plainDraft(store, ['one', 'four'], [alpine]))
  const manifest: unknown = JSON.parse((await store.content.read(image.manifest.digest)).toString())
  const config = await store.content.read(image.id)
  assert.deepEqual(manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.id, size: config.length },
    layers: [
      { mediaType: mediaTypes.ociLayer, digest: sha256('one'), size: 3 },
      { mediaType: mediaTypes.ociLayer, digest: sha256('four'), size: 4 },
    ],
  })
  assert.equal(image.id, sha256(config))
  assert.equal(image.size, 7)
  assert.deepEqual(image.names, [alpine])
  assert.deepEqual(JSON.parse(config.toString()), image.config)
  assert.deepEqual(await store.check(), [])
})

test('the same draft gives the same digests in another store', async () => {
  await using left = await openTempStore()
  await using right = await openTempStore()
  const [one, two] = await Promise.all(
    [left, right].map(async (store) => store.images.create(await plainDraft(store, ['a', 'b']))),
  )
  assert.equal(one?.id, two?.id)
  assert.equal(one?.manifest.digest, two?.manifest.digest)
})

test('records are there after closing and opening', async () => {
  await using store = await openTempStore()
  const image = await store.images.create(await plainDraft(store, ['a'], [alpine]))
  await using again = await openStore(store.root)
  assert.deepEqual(again.images.list(), [image])
})

test('an image without one of its parts is not recorded', async () => {
  await using store = await openTempStore()
  const draft = await plainDraft(store, ['a', 'b'], [alpine])
  const incomplete = (error: unknown): boolean => isMilleError(error, 'IMAGE_INCOMPLETE')
  rmSync(store.content.path(sha256('b')))
  await assert.rejects(store.images.create(draft), incomplete)
  const unknown = sha256('no such')
  assert.throws(
    () =>
      store.images.put({
        id: unknown,
        manifest: { mediaType: mediaTypes.ociManifest, digest: unknown, size: 1 },
      }),
    incomplete,
  )
  assert.deepEqual(store.images.list(), [])
  assert.equal(store.images.find(alpine), undefined)
})

test('names move, and the image that had them stays without', async () => {
  await using store = await openTempStore()
  const old = await store.images.create(await plainDraft(store, ['old'], [alpine, 'localhost/a:1']))
  const fresh = await store.images.create(await plainDraft(store, ['new'], [alpine]))
  assert.equal(store.images.find(alpine)?.id, fresh.id)
  assert.deepEqual(store.images.get(old.id)?.names, ['localhost/a:1'])
  store.images.tag('localhost/a:1', fresh.id)
  assert.deepEqual(store.images.get(old.id)?.names, [])
  assert.deepEqual(store.images.get(fresh.id)?.names, [alpine, 'localhost/a:1'])
  assert.throws(
    () => store.images.tag('x/y:1', sha256('?')),
    (error) => isMilleError(error, 'NO_SUCH_IMAGE'),
  )
  assert.equal(store.images.untag(alpine), true)
  assert.equal(store.images.untag(alpine), false)
  assert.equal(store.images.find(alpine), undefined)
})

test('found by name, whole id and prefix; an ambiguous prefix names the matches', async () => {
  await using store = await openTempStore()
  const ids: Digest[] = []
  // 17 images have two whose ids begin alike
  for (let index = 0; index < 17; index++) {
    ids.push((await store.images.create(await plainDraft(store, [`layer ${String(index)}`]))).id)
  }
  for (const id of ids) {
    assert.equal(store.images.find(id)?.id, id)
    assert.equal(store.images.find(id.slice(7))?.id, id)
    assert.equal(store.images.find(id.slice(7, 19))?.id, id)
  }
  const groups = Map.groupBy(ids, (id) => id.slice(7, 8))
  const [prefix, twins] = [...groups].find(([, group]) => group.length > 1) ?? []
  assert.ok(prefix !== undefined && twins !== undefined)
  assert.throws(
    () => store.images.find(prefix),
    (error) =>
      isMilleError(error, 'AMBIGUOUS_ID') && twins.every((id) => error.message.includes(id.slice(7, 19))),
  )
  assert.equal(store.images.find('zz'), undefined)
  assert.equal(store.images.find(''), undefined)
})

test('the same image in another form keeps its row and gets the new manifest', async () => {
  await using store = await openTempStore()
  const image = await store.images.create(await plainDraft(store, ['a'], [alpine]))
  const config = { mediaType: mediaTypes.ociConfig, digest: image.id, size: 1 }
  const raw = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: { ...config, mediaType: mediaTypes.dockerConfig },
      layers: [{ mediaType: mediaTypes.dockerLayerGzip, digest: sha256('packed'), size: 6 }],
    }),
  )
  await store.content.ingest(Buffer.from('packed'))
  const { digest, size } = await store.content.ingest(raw)
  const repoDigest = `docker.io/library/alpine@${digest}`
  const again = store.images.put({
    id: image.id,
    manifest: { mediaType: mediaTypes.dockerManifest, digest, size },
    names: ['localhost/b:1'],
    repoDigests: [repoDigest],
  })
  assert.equal(again.sequence, image.sequence)
  assert.equal(again.manifest.digest, digest)
  assert.deepEqual(again.names, [alpine, 'localhost/b:1'])
  assert.deepEqual(again.repoDigests, [repoDigest])
  assert.equal(store.images.find(repoDigest)?.id, image.id)
  assert.equal(store.images.list().length, 1)
  // the compressed layer is kept alive by the manifest that names it
  await store.collect()
  assert.ok(await store.content.stat(sha256('packed')))
})

test('order is the order of adding, whatever the clock says', async (t) => {
  await using store = await openTempStore()
  const first = await store.images.create(await plainDraft(store, ['1']))
  t.mock.timers.enable({ apis: ['Date'], now: 1000 })
  const second = await store.images.create(await plainDraft(store, ['2']))
  assert.equal(second.addedAt, 1000)
  assert.deepEqual(
    store.images.list().map(({ id }) => id),
    [first.id, second.id],
  )
})
