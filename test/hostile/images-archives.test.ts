import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { loadImages } from '../../src/images/load.ts'
import { sha256 } from '../../src/oci/digest.ts'
import type { Store } from '../../src/store/store.ts'
import { rawEnd, rawEntry, type RawHeader } from '../support/raw-tar.ts'
import { openTempStore } from '../support/temp-store.ts'

const layer = Buffer.concat([rawEntry({ name: 'f' }, 'f'), rawEnd])
const goodConfig = {
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
}
let store: Store
let outside: string

before(async () => {
  store = await openTempStore()
  outside = mkdtempSync(join(tmpdir(), 'mille-outside-'))
})
after(async () => {
  await store[Symbol.asyncDispose]()
  rmSync(outside, { recursive: true })
})

type Member = readonly [RawHeader, (string | Buffer)?]

function archive(...members: readonly Member[]): Buffer {
  return Buffer.concat([...members.map(([header, data]) => rawEntry(header, data ?? '')), rawEnd])
}

function docker(
  changes: { config?: unknown; entry?: object; raw?: string } = {},
  ...extra: Member[]
): Buffer {
  const entry = { Config: 'config.json', RepoTags: ['h:1'], Layers: ['layer.tar'], ...changes.entry }
  return archive(
    ...extra,
    [{ name: 'config.json' }, JSON.stringify(changes.config ?? goodConfig)],
    [{ name: 'layer.tar' }, layer],
    [{ name: 'manifest.json' }, changes.raw ?? JSON.stringify([entry])],
  )
}

function layout(manifest: object | string, changes: { descriptor?: object; index?: object } = {}): Buffer {
  const config = JSON.stringify(goodConfig)
  const raw = typeof manifest === 'string' ? manifest : JSON.stringify(manifest)
  const descriptor = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: sha256(raw),
    size: Buffer.from(raw).length,
    ...changes.descriptor,
  }
  const index = { schemaVersion: 2, manifests: [descriptor], ...changes.index }
  const blob = (data: string | Buffer): Member => [{ name: `blobs/sha256/${sha256(data).slice(7)}` }, data]
  return archive(
    [{ name: 'oci-layout' }, '{"imageLayoutVersion":"1.0.0"}'],
    [{ name: 'index.json' }, JSON.stringify(index)],
    ...new Map([raw, config, layer].map((data) => [sha256(data), blob(data)])).values(),
  )
}

const config = JSON.stringify(goodConfig)
const manifest = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: sha256(config),
    size: config.length,
  },
  layers: [
    { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256(layer), size: layer.length },
  ],
}
const layerOf = manifest.layers[0]

async function refused(bytes: Buffer, ...codes: readonly string[]): Promise<void> {
  await assert.rejects(
    loadImages(store, Readable.from([bytes])),
    (error: { code: string; message: string }) => {
      assert(codes.includes(error.code), `${error.code}: ${error.message}`)
      return true
    },
  )
  assert.deepEqual(store.images.list(), [])
  assert.deepEqual(readdirSync(outside), [])
}

test('the archives below are good but for what each test changes', async () => {
  for (const bytes of [docker(), layout(manifest)]) {
    const loaded = await loadImages(store, Readable.from([bytes]))
    assert.equal(loaded.length, 1)
    for (const { id } of store.images.list()) store.images.remove(id)
  }
})

test('members that leave the archive (C-M13)', async () => {
  // few: a header has room for 100 bytes of name, and the folder for temporary files may lie deep
  const up = '../'.repeat(8)
  await refused(docker({}, [{ name: `${up}${outside}/file` }, 'x']), 'ARCHIVE_PATH')
  await refused(docker({}, [{ name: `${outside}/file` }, 'x']), 'ARCHIVE_PATH')
  await refused(docker({}, [{ name: 'a/../../b' }, 'x']), 'ARCHIVE_PATH')
  await refused(docker({}, [{ name: 'l', type: '1', link: '../../etc/passwd' }]), 'ARCHIVE_PATH')
})

test('links out of the archive are never followed on the host (C-M13)', async () => {
  const link: Member = [{ name: 'out', type: '2', link: '/etc' }]
  await refused(docker({ entry: { Layers: ['out/passwd'] } }, link), 'ARCHIVE_INVALID')
  await refused(docker({ entry: { Config: 'out' } }, link), 'ARCHIVE_INVALID')
  const folder: Member[] = [
    [{ name: 'blobs', type: '2', link: outside }],
    [{ name: 'blobs/sha256/x' }, 'written through the link'],
  ]
  const loaded = await loadImages(store, Readable.from([docker({}, ...folder)]))
  assert.deepEqual(loaded, [{ name: 'h:1' }])
  assert.deepEqual(readdirSync(outside), [])
  for (const { id } of store.images.list()) store.images.remove(id)
})

test('links in a circle end', async () => {
  const circle: Member[] = [[{ name: 'a', type: '2', link: 'b' }], [{ name: 'b', type: '2', link: 'a' }]]
  await refused(docker({ entry: { Layers: ['a'] } }, ...circle), 'ARCHIVE_INVALID')
})

test('members that are no files (C-M13)', async () => {
  for (const type of ['3', '4', '6']) await refused(docker({}, [{ name: 'layer2', type }]), 'ARCHIVE_INVALID')
})

test('paths in the manifest are names of members only (C-M14)', async () => {
  for (const path of ['../../../../etc/passwd', '/etc/passwd'])
    for (const entry of [{ Layers: [path] }, { Config: path }])
      await refused(docker({ entry }), 'ARCHIVE_PATH', 'ARCHIVE_INVALID')
  await refused(docker({ entry: { Layers: ['nope'] } }), 'ARCHIVE_INVALID')
})

test('manifests of the wrong shape (C-M14, C-M6, C-M8)', async () => {
  for (const raw of ['null', '{}', '[]', '[null]', '[{}]', '"x"', '', '[{"Config":1}]', '[] []'])
    await refused(docker({ raw }), 'MANIFEST_INVALID', 'ARCHIVE_INVALID')
  const twice = '[{"Config":"config.json","Config":"layer.tar","Layers":["layer.tar"]}]'
  await refused(docker({ raw: twice }), 'MANIFEST_INVALID')
  await refused(docker({ raw: '['.repeat(100_000) }), 'MANIFEST_INVALID')
  await refused(docker({ raw: ' '.repeat(5 * 1024 * 1024) }), 'MANIFEST_TOO_LARGE', 'BLOB_TOO_LARGE')
})

test('tags that are no tags (C-M15)', async () => {
  const digest = `h@${sha256('x')}`
  for (const tag of ['UPPER:1', '../x:1', 'a\nb:1', '--flag:1', `${'a'.repeat(300)}:1`, digest, ''])
    await refused(docker({ entry: { RepoTags: [tag] } }), 'REFERENCE_INVALID')
})

test('configs that lie or are of the wrong shape (C-M3, C-M17)', async () => {
  const rootfs = (ids: unknown): object => ({ ...goodConfig, rootfs: { type: 'layers', diff_ids: ids } })
  await refused(docker({ config: rootfs([sha256('other')]) }), 'DIFFID_MISMATCH')
  await refused(docker({ config: rootfs([sha256(layer), sha256(layer)]) }), 'MANIFEST_INVALID')
  await refused(docker({ config: rootfs([]) }), 'MANIFEST_INVALID')
  await refused(docker({ config: rootfs('x') }), 'MANIFEST_INVALID')
  await refused(docker({ config: rootfs(['sha256:../../x']) }), 'MANIFEST_INVALID', 'DIGEST_INVALID')
  for (const config of [1, [], 'x', { ...goodConfig, rootfs: { type: 'other', diff_ids: [] } }])
    await refused(docker({ config }), 'MANIFEST_INVALID')
})

test('layouts whose documents or sizes lie (C-M1, C-M2, C-M3, C-M4, C-M12)', async () => {
  await refused(layout({ ...manifest, manifests: [] }), 'MANIFEST_AMBIGUOUS')
  for (const size of [-1, 1.5, 2 ** 53, '12', null, manifest.config.size + 1])
    await refused(
      layout({ ...manifest, config: { ...manifest.config, size } }),
      'MANIFEST_INVALID',
      'BLOB_SIZE_MISMATCH',
    )
  for (const size of [layer.length - 1, 4 * 2 ** 40])
    await refused(layout({ ...manifest, layers: [{ ...layerOf, size }] }), 'BLOB_SIZE_MISMATCH')
  for (const digest of ['sha256:../../../etc/passwd', 'md5:abc', 1, '', `sha256:${'A'.repeat(64)}`])
    await refused(
      layout({ ...manifest, layers: [{ ...layerOf, digest }] }),
      'DIGEST_INVALID',
      'MANIFEST_INVALID',
    )
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+encrypted'
  await refused(layout({ ...manifest, layers: [{ ...layerOf, mediaType }] }), 'MEDIA_TYPE_UNSUPPORTED')
  const artifact = { ...manifest.config, mediaType: 'application/vnd.example.sbom' }
  await refused(layout({ ...manifest, config: artifact }), 'NOT_AN_IMAGE')
})

test('a layout whose blob is not what its name says (C-M3)', async () => {
  const name = `blobs/sha256/${sha256('right').slice(7)}`
  await refused(archive([{ name }, 'wrong'], [{ name: 'index.json' }, '{}']), 'BLOB_DIGEST_MISMATCH')
})

test('an index that is its own child ends at once (C-M7)', async () => {
  const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] }
  let raw = JSON.stringify({ ...index, manifests: [] })
  const members: Member[] = []
  for (let depth = 0; depth < 400; depth++) {
    members.push([{ name: `blobs/sha256/${sha256(raw).slice(7)}` }, raw])
    const child = { mediaType: index.mediaType, digest: sha256(raw), size: Buffer.from(raw).length }
    raw = JSON.stringify({ ...index, manifests: [child] })
  }
  await refused(
    archive(...members, [{ name: 'index.json' }, raw]),
    'MANIFEST_INVALID',
    'NO_MATCHING_MANIFEST',
  )
})

test('labels called __proto__ stay labels (C-M9)', async () => {
  const text = JSON.stringify(goodConfig).replace(
    '{',
    '{"config":{"Labels":{"__proto__":"x","toString":"y"}},',
  )
  const bytes = archive(
    [{ name: 'config.json' }, text],
    [{ name: 'layer.tar' }, layer],
    [{ name: 'manifest.json' }, '[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar"]}]'],
  )
  await loadImages(store, Readable.from([bytes]))
  const [image] = store.images.list()
  assert.deepEqual(Object.entries(image?.config.config?.Labels ?? {}), [
    ['__proto__', 'x'],
    ['toString', 'y'],
  ])
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
})
