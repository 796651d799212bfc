import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { plainDraft } from '../../../test/support/plain-image.ts'
import { openTempStore } from '../../../test/support/temp-store.ts'
import type { ChainId, DiffId, Digest } from '../../oci/digest.ts'
import { sha256 } from '../../oci/digest.ts'
import { isMilleError } from '../../util/errors.ts'
import { openStore } from '../open-store.ts'
import type { Store } from '../store.ts'

async function blobs(store: Store): Promise<string[]> {
  return (await Array.fromAsync(store.content.list())).map(({ digest }) => digest).sort()
}

function edit(store: Store, sql: string): void {
  const database = new DatabaseSync(join(store.root, 'mille.db'))
  database.exec(sql)
  database.close()
}

test('what images name stays, what nothing names goes, a shared layer goes with its last image', async () => {
  await using store = await openTempStore()
  const left = await store.images.create(await plainDraft(store, ['shared', 'left'], ['localhost/left:1']))
  const right = await store.images.create(await plainDraft(store, ['shared', 'right']))
  await store.content.ingest(Buffer.from('loose'))
  assert.deepEqual(await store.collect(), { blobs: 1, snapshots: 0, bytes: 5 })
  assert.deepEqual(await store.check(), [])
  store.images.remove(right.id)
  assert.equal((await store.collect()).blobs, 3)
  assert.ok(await store.content.stat(sha256('shared')))
  assert.deepEqual(await store.check(), [])
  store.images.remove(left.id)
  assert.equal((await store.collect()).blobs, 4)
  assert.deepEqual(await blobs(store), [])
  assert.deepEqual(readdirSync(join(store.root, 'trash')), [])
})

test('leases, cache records and records keep what they hold', async () => {
  await using store = await openTempStore()
  const ingest = async (text: string): Promise<Digest> =>
    (await store.content.ingest(Buffer.from(text))).digest
  const [held, cached, used] = [await ingest('held'), await ingest('cached'), await ingest('used')]
  const lease = await store.lease('test')
  lease.hold({ kind: 'blob', digest: held })
  const key = sha256('key')
  const diffIds = [cached as string as DiffId]
  store.cache.put({ key, lineage: 'l', ingredients: [], description: '', diffIds, data: null, size: 6 })
  store.records('container').insert({ id: 'c', name: 'c', data: 1, holds: [{ kind: 'blob', digest: used }] })
  assert.equal((await store.collect()).blobs, 0)
  await lease[Symbol.asyncDispose]()
  store.cache.remove([key])
  store.records('container').remove('c')
  assert.equal((await store.collect()).blobs, 3)
})

test('an image held by a lease keeps its parts although it is removed', async () => {
  await using store = await openTempStore()
  const image = await store.images.create(await plainDraft(store, ['a']))
  await using lease = await store.lease('save')
  lease.hold({ kind: 'image', id: image.id })
  store.images.remove(image.id)
  assert.equal((await store.collect()).blobs, 0)
})

test('a chain that is held keeps its layers, one that is not goes with them', async () => {
  await using store = await openTempStore()
  const entry = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: 1 } as const
  const write = (path: string): Promise<{ readonly diffId: DiffId }> =>
    store.layers.write([{ ...entry, path, body: { kind: 'bytes', bytes: Buffer.from('x') } }])
  const lower = await store.snapshots.apply((await write('a')).diffId, undefined)
  const upper = await store.snapshots.apply((await write('b')).diffId, lower)
  store.records('container').insert({ id: 'c', name: 'c', data: 1, holds: [{ kind: 'chain', chain: upper }] })
  await store.collect()
  assert.equal((await blobs(store)).length, 2)
  assert.deepEqual([await store.snapshots.has(lower), await store.snapshots.has(upper)], [true, true])
  store.records('container').remove('c')
  const report = await store.collect()
  assert.deepEqual([report.blobs, report.snapshots], [2, 2])
  assert.deepEqual([await store.snapshots.has(lower), await store.snapshots.has(upper)], [false, false])
})

test('a snapshot lives as long as the record its key names, or while someone works under a lease', async () => {
  await using store = await openTempStore()
  store.records('container').insert({ id: 'abc', name: 'web', data: 1 })
  await store.snapshots.prepare('container-abc', undefined)
  await store.snapshots.prepare('build-1', undefined)
  const lease = await store.lease('build')
  assert.equal((await store.collect()).snapshots, 0)
  await lease[Symbol.asyncDispose]()
  assert.equal((await store.collect()).snapshots, 1)
  assert.deepEqual(
    (await store.snapshots.list()).map(({ key }) => key),
    ['container-abc'],
  )
  await store.snapshots.remove('container-abc')
})

test('a lease ends with its process, however that ends', async () => {
  await using store = await openTempStore()
  const child = spawn(process.execPath, [
    '--input-type=module-typescript',
    '-e',
    `import { openStore } from ${JSON.stringify(new URL('../open-store.ts', import.meta.url).href)}
     const store = await openStore(${JSON.stringify(store.root)})
     const lease = await store.lease('build')
     await store.content.ingest(Buffer.from('mine'), { lease })
     console.log('ready')
     setTimeout(() => {}, 60000)`,
  ])
  await once(child.stdout, 'data')
  assert.equal((await store.collect()).blobs, 0)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal((await store.collect()).blobs, 1)
})

test('a lease of a process whose number lives on in another one, or of another boot, has ended', async () => {
  await using store = await openTempStore()
  for (const [id, started, boot] of [
    ['reused', '1', undefined],
    ['other-boot', undefined, '00000000-0000-0000-0000-000000000000'],
  ] as const) {
    const lease = await store.lease(id)
    await store.content.ingest(Buffer.from(id), { lease })
    if (started) edit(store, `UPDATE leases SET started = '${started}' WHERE id = '${lease.id}'`)
    if (boot) edit(store, `UPDATE leases SET boot = '${boot}' WHERE id = '${lease.id}'`)
    assert.equal((await store.collect()).blobs, 1, id)
  }
})

test('collections beside ingests never take a blob that is held, also one that was already there', async () => {
  await using store = await openTempStore()
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../open-store.ts', import.meta.url).href)}
    await using store = await openStore(${JSON.stringify(store.root)})
    for (let turn = 0; turn < 60; turn++) await store.collect()`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: 'inherit',
  })
  const ended = once(child, 'exit')
  let turns = 0
  while (child.exitCode === null || turns < 20) {
    turns += 1
    await using lease = await store.lease('work')
    // the same few blobs again and again: mostly they are there, about to be collected
    const digest = sha256(`blob ${String(turns % 3)}`)
    const info = await store.content.ingest(Buffer.from(`blob ${String(turns % 3)}`), { lease })
    assert.equal(info.digest, digest)
    await new Promise(setImmediate)
    assert.ok(await store.content.stat(digest), `turn ${String(turns)}`)
    await store.images.create(
      await plainDraft(store, ['base', `image ${String(turns % 2)}`], [], lease),
      lease,
    )
    for (const image of store.images.list()) store.images.remove(image.id)
  }
  assert.deepEqual(await ended, [0, null])
})

test('two collections at once', async () => {
  await using store = await openTempStore()
  for (let index = 0; index < 600; index++) {
    await using lease = await store.lease('x', { deferred: true })
    await store.content.ingest(Buffer.from(`blob ${String(index)}`), { lease })
  }
  const reports = await Promise.all([store.collect(), store.collect()])
  assert.equal(
    reports.reduce((sum, report) => sum + report.blobs, 0),
    600,
  )
  assert.deepEqual(await blobs(store), [])
})

test('trash, quarantine and what lies in them go; links in them are not followed', async () => {
  await using store = await openTempStore()
  const kept = join(store.root, 'kept')
  writeFileSync(kept, 'x')
  const trash = join(store.root, 'trash')
  mkdirSync(join(trash, 'tree/sub'), { recursive: true })
  writeFileSync(join(trash, 'tree/sub/file'), 'x')
  symlinkSync(store.root, join(trash, 'tree/link'))
  symlinkSync(kept, join(trash, 'link'))
  writeFileSync(join(store.root, 'quarantine/bad'), 'x')
  for (const name of ['large', 'larger']) {
    writeFileSync(join(trash, name), '')
    truncateSync(join(trash, name), 8_388_608 + name.length)
  }
  await store.collect()
  assert.deepEqual([readdirSync(trash), readdirSync(join(store.root, 'quarantine'))], [[], []])
  assert.ok(readdirSync(store.root).includes('kept'))
})

test('an unfinished download goes after its time of no use, whatever the wall clock says', async () => {
  await using store = await openTempStore()
  {
    await using writer = await store.content.openWriter('key')
    await writer.write(Buffer.from('abc'))
  }
  const [name] = readdirSync(join(store.root, 'ingest'))
  assert.ok(name !== undefined)
  utimesSync(join(store.root, 'ingest', name), 0, 0)
  assert.deepEqual(await store.partials(), [{ size: 3, inUse: false }])
  await store.collect()
  assert.deepEqual(readdirSync(join(store.root, 'ingest')), [name])
  edit(store, 'UPDATE ingests SET idle = 8 * 24 * 3600')
  {
    await using _writer = await store.content.openWriter('key')
    await store.collect()
    assert.deepEqual(readdirSync(join(store.root, 'ingest')), [name])
  }
  edit(store, 'UPDATE ingests SET idle = 8 * 24 * 3600')
  await store.collect()
  assert.deepEqual(readdirSync(join(store.root, 'ingest')), [])
})

test('what failed downloads left is told, and goes when that is asked for, but not under a download that goes on', async () => {
  await using store = await openTempStore()
  await store.images.create(await plainDraft(store, ['kept'], ['localhost/kept:1']))
  assert.deepEqual(await store.partials(), [])
  {
    await using left = await store.content.openWriter('left')
    await left.write(Buffer.from('abc'))
  }
  await store.content.ingest(Buffer.from('a whole blob'))
  await using lease = await store.lease('test')
  await store.content.ingest(Buffer.from('blob of a pull that goes on'), { lease })
  await using busy = await store.content.openWriter('busy')
  await busy.write(Buffer.from('abcde'))
  const sizes = async (): Promise<readonly string[]> =>
    (await store.partials()).map(({ size, inUse }) => `${size}${inUse ? ' in use' : ''}`).toSorted()
  assert.deepEqual(await sizes(), ['12', '3', '5 in use'])
  await store.collect()
  assert.deepEqual(await sizes(), ['3', '5 in use'], 'unfinished ones are for the next try')
  assert.equal((await store.collect({ partials: true })).bytes, 3)
  assert.deepEqual(await sizes(), ['5 in use'])
  await busy.write(Buffer.from('f'))
  assert.equal((await busy.commit({ digest: sha256('abcdef') }, lease)).size, 6)
})

test('after a boot: durable things stay, what was never synced goes, with the records that name it', async () => {
  await using store = await openTempStore()
  const image = await store.images.create(await plainDraft(store, ['a'], ['localhost/a:1']))
  const cache = { lineage: 'l', ingredients: [], description: '', data: null, size: 1 }
  await using lease = await store.lease('build', { deferred: true })
  const write = async (text: string): Promise<void> => {
    const { digest } = await store.content.ingest(Buffer.from(text), { lease })
    store.cache.put({ ...cache, key: sha256(`key ${text}`), diffIds: [digest as string as DiffId] })
  }
  await write('synced by the next image')
  await store.images.create(await plainDraft(store, ['synced by the next image', 'b'], [], lease), lease)
  await write('not synced')
  assert.equal(store.cache.list().length, 2)
  edit(store, "UPDATE meta SET value = 'another boot' WHERE key = 'boot'")
  await using again = await openStore(store.root)
  assert.deepEqual(
    again.cache.list().map(({ key }) => key),
    [sha256('key synced by the next image')],
  )
  assert.equal(await again.content.stat(sha256('not synced')), undefined)
  assert.equal(again.images.list().length, 2)
  assert.equal(again.images.find('localhost/a:1')?.id, image.id)
  assert.deepEqual(await again.check(), [])
})

test('check names a missing layer, a wrong one and a missing image, and changes nothing', async () => {
  await using store = await openTempStore()
  const image = await store.images.create(await plainDraft(store, ['a', 'b']))
  writeFileSync(store.content.path(sha256('a')), 'A')
  await store.content.delete(sha256('b'))
  store
    .records('container')
    .insert({ id: 'c', name: 'c', data: 1, holds: [{ kind: 'image', id: sha256('?') }] })
  const found = (await store.check()).map(({ kind, object }) => [kind, object])
  assert.deepEqual(found, [
    ['BLOB_DAMAGED', sha256('a')],
    ['BLOB_MISSING', sha256('b')],
    ['IMAGE_MISSING', sha256('?')],
  ])
  assert.ok(await store.content.stat(sha256('a')))
  assert.equal(store.images.get(image.id)?.id, image.id)
})

test('locks: exclusive, shared, freed by the kernel, and the error names the holder', async () => {
  await using store = await openTempStore()
  {
    await using _one = await store.lock('a/b c', { shared: true })
    await using _two = await store.lock('a/b c', { shared: true })
    await assert.rejects(store.lock('a/b c', { timeout: 0 }), (error) =>
      isMilleError(error, 'STORE_LOCK_TIMEOUT'),
    )
  }
  await using _first = await store.lock('name')
  await assert.rejects(
    store.lock('name', { timeout: 20 }),
    (error) =>
      isMilleError(error, 'STORE_LOCK_TIMEOUT') && error.message.includes(`process ${String(process.pid)}`),
  )
  await assert.rejects(store.lock('name', { signal: AbortSignal.abort() }))
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../open-store.ts', import.meta.url).href)}
    const store = await openStore(${JSON.stringify(store.root)})
    const lock = await store.lock('child')
    console.log('ready')
    setTimeout(() => {}, 60000)`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script])
  await once(child.stdout, 'data')
  await assert.rejects(
    store.lock('child', { timeout: 0 }),
    (error) =>
      isMilleError(error, 'STORE_LOCK_TIMEOUT') && error.message.includes(`process ${String(child.pid)}`),
  )
  child.kill('SIGKILL')
  await using _taken = await store.lock('child', { timeout: 5000 })
})

test('a lock that is disposed twice closes no other file', async () => {
  await using store = await openTempStore()
  const lock = await store.lock('twice')
  await lock[Symbol.asyncDispose]()
  const file = openSync(join(store.root, 'mille.db'), 'r')
  await lock[Symbol.asyncDispose]()
  closeSync(file)
})

test('a folder of the store is inside it, for its owner alone', async () => {
  await using store = await openTempStore()
  assert.equal(await store.folder('containers', 'abc'), join(store.root, 'containers/abc'))
  for (const part of ['..', '.', '', 'a/b', 'a\0b']) {
    await assert.rejects(store.folder(part), (error) => isMilleError(error, 'INVALID_ARGUMENT'))
  }
})

test('an unknown chain in a hold does no harm', async () => {
  await using store = await openTempStore()
  await using lease = await store.lease('x')
  lease.hold({ kind: 'chain', chain: sha256('none') as string as ChainId })
  assert.deepEqual(await store.collect(), { blobs: 0, snapshots: 0, bytes: 0 })
})

test('a whole download waits for its image as an unfinished one does, and goes with whoever needs it', async () => {
  await using store = await openTempStore()
  const download = async (text: string): Promise<Digest> => {
    await using lease = await store.lease('pull')
    await using writer = await store.content.openWriter(`download ${text}`)
    await writer.write(Buffer.from(text))
    return (await writer.commit({}, lease)).digest
  }
  const [waiting, needed] = [await download('waiting'), await download('needed')]
  assert.equal((await store.collect()).blobs, 0)
  const sizes = async (): Promise<number[]> => (await store.partials()).map(({ size }) => size).sort()
  assert.deepEqual(await sizes(), [6, 7])
  // of the same bytes, so that the image names the very blob
  const image = await store.images.create(await plainDraft(store, ['needed']))
  assert.deepEqual(await sizes(), [7])
  store.images.remove(image.id)
  await store.collect()
  assert.deepEqual(
    [await store.content.stat(needed), (await store.content.stat(waiting))?.size],
    [undefined, 7],
  )
  edit(store, 'UPDATE ingests SET idle = 8 * 24 * 3600')
  assert.equal((await store.collect()).blobs, 1)
  await download('again')
  assert.equal((await store.collect({ partials: true })).blobs, 1)
  assert.deepEqual(await sizes(), [])
})
