import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, rmSync, statfsSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { isMilleError } from '../../src/util/errors.ts'
import { openStore } from '../../src/store/open-store.ts'
import { plainDraft } from '../support/plain-image.ts'
import { testMille } from '../support/mille.ts'
import { fillDisk, smallBlocksDisk, smallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'

const isFull = (error: unknown): boolean => isMilleError(error, 'NO_SPACE')

test('a full disk refuses what does not fit and leaves nothing of it', async () => {
  using disk = smallDisk(8)
  const root = join(disk.path, 'store')
  await using store = await openStore(root)
  const image = await store.images.create(await plainDraft(store, ['a'], ['localhost/a:1']))
  const large = randomBytes(16 << 20)
  await assert.rejects(store.content.ingest(large), isFull)
  await assert.rejects(store.content.ingest(Readable.from([large], { objectMode: false })), isFull)
  assert.deepEqual(readdirSync(join(root, 'ingest')), [])
  assert.deepEqual(await store.check(), [])
  await store.content.ingest(Buffer.from('small ones still fit'))
  assert.equal(store.images.list()[0]?.id, image.id)
})

test('work that cannot fit is refused before it begins, with the bytes it needs and those there are', async () => {
  using disk = smallDisk(8)
  await using store = await openStore(join(disk.path, 'store'))
  const size = 50_000_000
  const needs = (work: string) => (error: unknown) => {
    assert.ok(isFull(error))
    assert.match(
      (error as Error).message,
      new RegExp(`no space left on device while ${work}; need 50MB, have \\d+(\\.\\d+)?MB$`),
    )
    return true
  }
  const body = new Readable({ read: () => assert.fail('the body is not read') })
  await assert.rejects(store.content.ingest(body, { expected: { size } }), needs('taking in a blob'))
  await assert.rejects(store.content.openWriter('pull', { size }), needs('fetching a blob'))
  await using lease = await store.lease('test')
  const entry = { path: 'a', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size } as const
  const file = { kind: 'file', path: '/dev/zero' } as const
  await assert.rejects(store.layers.write([{ ...entry, body: file }], { lease }), needs('writing a layer'))
  await (await store.content.openWriter('pull'))[Symbol.asyncDispose]()
})

test('listing, removing and collecting work on a disk without one free byte', async () => {
  using disk = smallDisk(16)
  const root = join(disk.path, 'store')
  {
    await using store = await openStore(root)
    for (let index = 0; index < 20; index++) {
      const text = `${String(index)} ${randomBytes(100_000).toString('hex')}`
      await store.images.create(await plainDraft(store, [text], [`localhost/a:${String(index)}`]))
    }
    fillDisk(disk.path)
    await assert.rejects(store.content.ingest(randomBytes(200_000)), isFull)
    assert.equal(store.images.list().length, 20)
    for (const { id } of store.images.list()) assert.equal(store.images.remove(id), true)
    const report = await store.collect()
    assert.equal(report.blobs, 60)
    assert.ok(report.bytes > 4_000_000)
    assert.deepEqual(await store.check(), [])
    await store.content.ingest(randomBytes(200_000))
  }
  await using again = await openStore(root)
  assert.deepEqual(again.images.list(), [])
})

test('a store opens on a full disk', async () => {
  using disk = smallDisk(8)
  const root = join(disk.path, 'store')
  {
    await using store = await openStore(root)
    await store.images.create(await plainDraft(store, ['a'], ['localhost/a:1']))
  }
  fillDisk(disk.path)
  await using store = await openStore(root)
  assert.equal(store.images.list().length, 1)
  assert.equal(store.images.untag('localhost/a:1'), true)
})

test('a store that cannot be written can still be read', async () => {
  using disk = smallDisk(8)
  const root = join(disk.path, 'store')
  const layer = Buffer.from('a')
  {
    await using store = await openStore(root)
    await store.images.create(await plainDraft(store, ['a'], ['localhost/a:1']))
  }
  execFileSync('mount', ['-o', 'remount,ro', disk.path])
  await using store = await openStore(root)
  const [image] = store.images.list()
  assert.deepEqual(image?.names, ['localhost/a:1'])
  assert.deepEqual(await store.check(), [])
  const readOnly = (error: unknown): boolean => isMilleError(error, 'READ_ONLY_FILE_SYSTEM')
  await assert.rejects(store.content.ingest(layer), readOnly)
  assert.throws(() => store.images.untag('localhost/a:1'), readOnly)
})

test('blocks smaller than a page: a disk with room for less than the index of the log ends no command by a signal', async () => {
  using disk = smallBlocksDisk(32)
  using mille = testMille({}, disk.path)
  mille.ok('image', 'bootstrap', 'busybox')
  const busybox = mille.ok('images', '-q')
  const filler = join(disk.path, 'filler')
  for (const room of [12, 20]) {
    for (const name of ['reserve', 'mille.db-shm']) rmSync(join(mille.root, name), { force: true })
    fillDisk(disk.path)
    truncateSync(filler, statSync(filler).size - room * 1024)
    assert.equal(mille.ok('images', '-q'), busybox)
    rmSync(filler)
  }
  // nor does one on which whatever is given back is taken at once
  const hungry = spawn('sh', ['-c', 'while :; do cat /dev/zero >> "$1" 2>/dev/null; done', 'sh', filler])
  try {
    await until(() => statfsSync(disk.path).bavail === 0)
    assert.equal(mille.ok('images', '-q'), busybox)
  } finally {
    hungry.kill()
    await once(hungry, 'close')
  }
  rmSync(filler)
  mille.ok('check')
})
