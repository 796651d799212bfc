import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { rawEnd, rawEntry } from '../../test/support/raw-tar.ts'
import { storeImage } from '../../test/support/store-image.ts'
import { openTempStore } from '../../test/support/temp-store.ts'
import { sha256 } from '../oci/digest.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { loadImages } from './load.ts'
import { findImagesToSave } from './names.ts'
import { saveImages } from './save.ts'

let store: Store
let base: ImageRecord
let app: ImageRecord
let folder: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mille-save-'))
  store = await openTempStore()
  base = await storeImage(
    store,
    { 'etc/base': 'base' },
    { names: ['docker.io/library/base:1', 'docker.io/library/base:2'] },
  )
  app = await storeImage(store, { app: 'app' }, { names: ['reg.test:5000/app:latest'], parent: base })
})
after(async () => {
  await store[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function save(...names: string[]): Promise<Buffer> {
  const sink = new PassThrough()
  const images = names.flatMap((name) => findImagesToSave(store.images, name))
  const [bytes] = await Promise.all([buffer(sink), saveImages(store, images, sink)])
  return bytes
}

async function load(into: Store, bytes: Uint8Array): Promise<string[]> {
  const loaded = await loadImages(into, Readable.from([bytes]))
  return loaded.map((image) => ('name' in image ? image.name : image.id))
}

/** An archive as Docker before 1.10 wrote it: a folder a layer, and shared layers as links. */
function oldArchive(): { bytes: Buffer; id: string } {
  const layer = Buffer.concat([rawEntry({ name: 'hello' }, 'hello'), rawEnd])
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [sha256(layer), sha256(layer)] },
  })
  const id = sha256(config)
  const manifest = [
    { Config: `${id.slice(7)}.json`, RepoTags: ['old:1'], Layers: ['aaaa/layer.tar', 'bbbb/layer.tar'] },
  ]
  const bytes = Buffer.concat([
    rawEntry({ name: 'aaaa/', type: '5' }),
    rawEntry({ name: 'aaaa/VERSION' }, '1.0'),
    rawEntry({ name: 'aaaa/layer.tar' }, layer),
    rawEntry({ name: 'bbbb/', type: '5' }),
    rawEntry({ name: 'bbbb/layer.tar', type: '2', link: '../aaaa/layer.tar' }),
    rawEntry({ name: `${id.slice(7)}.json` }, config),
    rawEntry({ name: 'manifest.json' }, JSON.stringify(manifest)),
    rawEntry({ name: 'repositories' }, JSON.stringify({ old: { 1: 'bbbb' } })),
    rawEnd,
  ])
  return { bytes, id }
}

test('the same images give the same bytes', async () => {
  assert.deepEqual(await save('base:1', 'reg.test:5000/app'), await save('base:1', 'reg.test:5000/app'))
})

test('saved and loaded elsewhere: same image ID, manifest digest, names and layers', async () => {
  await using other = await openTempStore()
  const archive = await save('base', 'reg.test:5000/app')
  assert.deepEqual(await load(other, archive), ['base:1', 'base:2', 'reg.test:5000/app:latest'])
  for (const image of [base, app]) {
    const found = other.images.get(image.id)
    assert.deepEqual(found?.manifest, image.manifest)
    assert.deepEqual(found.names, image.names)
    assert.deepEqual(found.config, image.config)
  }
  assert.deepEqual(await other.check(), [])
})

test('a tag alone, a bare repository with all its tags, an ID without names', async () => {
  const tags = async (...names: string[]): Promise<unknown> => {
    const path = join(folder, 'tags.tar')
    writeFileSync(path, await save(...names))
    const text = execFileSync('tar', ['-xOf', path, 'manifest.json']).toString()
    return (JSON.parse(text) as { RepoTags: unknown }[]).map(({ RepoTags }) => RepoTags)
  }
  assert.deepEqual(await tags('base:2'), [['base:2']])
  assert.deepEqual(await tags('base'), [['base:1', 'base:2']])
  assert.deepEqual(await tags(base.id), [null])
  await assert.rejects(save('nope'), { message: 'No such image: nope' })
})

test('skopeo and umoci read the archive in both layouts', async () => {
  const path = join(folder, 'both.tar')
  writeFileSync(path, await save('reg.test:5000/app'))
  for (const transport of ['docker-archive', 'oci-archive']) {
    const { Layers } = JSON.parse(execFileSync('skopeo', ['inspect', `${transport}:${path}`]).toString()) as {
      Layers: string[]
    }
    assert.deepEqual(Layers, app.config.rootfs.diff_ids)
  }
  const layout = join(folder, 'layout')
  execFileSync('sh', ['-c', 'mkdir "$1" && tar -xf "$2" -C "$1"', 'sh', layout, path])
  assert.equal(execFileSync('umoci', ['ls', '--layout', layout]).toString().trim(), 'latest')
})

test('archives in every compression', async () => {
  await using other = await openTempStore()
  const archive = await save('base:1')
  const program = (name: string): Buffer => execFileSync(name, ['-c'], { input: archive })
  for (const bytes of [gzipSync(archive), zstdCompressSync(archive), program('xz'), program('bzip2')])
    assert.deepEqual(await load(other, bytes), ['base:1'])
})

test("an archive of old Docker's, whose shared layers are links", async () => {
  await using other = await openTempStore()
  const { bytes, id } = oldArchive()
  assert.deepEqual(await load(other, bytes), ['old:1'])
  assert.equal(other.images.list()[0]?.id, id)
  assert.deepEqual(await other.check(), [])
})

test('an OCI layout; skopeo makes it from our archive', async () => {
  await using other = await openTempStore()
  const path = join(folder, 'one.tar')
  const layout = join(folder, 'oci')
  writeFileSync(path, await save('base:1'))
  execFileSync('skopeo', ['copy', '-q', `oci-archive:${path}`, `oci:${layout}:reg.test/from-skopeo:3`])
  const tar = execFileSync('tar', ['-C', layout, '-cf', '-', '.'], { maxBuffer: 1 << 26 })
  assert.deepEqual(await load(other, tar), ['reg.test/from-skopeo:3'])
  assert.deepEqual(other.images.list()[0]?.config.rootfs, base.config.rootfs)
})

test('what is no archive is refused in words, and nothing stays', async () => {
  await using other = await openTempStore()
  const archive = await save('base:1')
  const refused: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /^the archive is empty$/],
    [Buffer.from('hello\n'), /^not an image archive: /],
    [Buffer.from('PK\x03\x04 and so on'), /^not an image archive: it is a zip$/],
    [archive.subarray(0, 3000), /^not an image archive: .*ends early/],
    [gzipSync(archive).subarray(0, 400), /^gzip data ends early/],
    [Buffer.concat([rawEntry({ name: 'readme' }, 'x'), rawEnd]), /^not an image archive: no index\.json/],
  ]
  for (const [bytes, message] of refused) await assert.rejects(load(other, bytes), { message })
  assert.deepEqual(other.images.list(), [])
  await other.collect()
  for await (const { digest } of other.content.list()) assert.fail(`${digest} stays`)
})
