import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Engine } from '../../src/engine/engine.ts'
import { openEngine } from '../../src/engine/open-engine.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { type ErrorCode, isMilleError } from '../../src/util/errors.ts'
import { rawData, rawEnd, rawEntry, rawHeader, rawPax } from '../support/raw-tar.ts'
import { startRegistry, type StartedRegistry } from '../support/start-registry.ts'
import { umount } from '../support/umount.ts'

interface Row {
  readonly name: string
  readonly layer: Buffer
  /** None: it is accepted. */
  readonly codes: readonly ErrorCode[]
}

const malformed: readonly ErrorCode[] = ['LAYER_TAR_MALFORMED', 'LAYER_TAR_TRUNCATED', 'LAYER_LIMIT']
const accepted: readonly ErrorCode[] = []
const tar = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, rawEnd])
const base256 = (bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes)

const rows: readonly Row[] = [
  ...[
    ['negative, base-256', base256([0xff, ...Array.from({ length: 10 }, () => 0xff), 0xfe])],
    ['2^63, base-256', base256([0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0])],
    ['2^53 + 1, base-256', base256([0x80, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 1])],
    ['letters', 'abcdefghijk\0'],
    ['all octal sevens', '77777777777\0'],
    ['minus', '-0000000001\0'],
  ].map(([name, size]) => ({
    name: `C-T17 size ${String(name)}`,
    layer: tar(rawHeader({ name: 'f', size: size ?? 0 }), rawData('data')),
    codes: malformed,
  })),
  ...['-1', '9007199254740993', '9223372036854775808', '1e3', '0x10', ' 1', ''].map((size) => ({
    name: `C-T17 PAX size "${size}"`,
    layer: tar(rawPax({ size }), rawEntry({ name: 'f' }, 'data')),
    // an empty value takes the record back: the header's own size counts
    codes: size === '' ? accepted : malformed,
  })),
  {
    name: 'C-T18 PAX size, long name and a header inside the content',
    layer: tar(
      rawPax({ size: '1024' }),
      rawEntry({ name: '././@LongLink', type: 'L' }, 'long\0'),
      rawEntry({ name: 'f', size: 0 }, rawEntry({ name: 'smuggled' }, 'x')),
    ),
    codes: malformed,
  },
  {
    name: 'C-T18 PAX size over the header’s: the content stays content',
    layer: tar(
      rawPax({ size: '1024' }),
      rawEntry({ name: 'f', size: 0 }, rawEntry({ name: 'smuggled' }, 'x')),
      rawEntry({ name: 'g' }, 'y'),
    ),
    codes: accepted,
  },
  {
    name: 'C-T19 NUL in a PAX path',
    layer: tar(rawPax({ path: 'a\0b' }), rawEntry({ name: 'f' })),
    codes: ['LAYER_PATH_INVALID', 'LAYER_TAR_MALFORMED', 'LAYER_PATH_ESCAPE'],
  },
  { name: 'C-T19 numeric PAX path', layer: tar(rawPax({ path: '1' }), rawEntry({ name: 'f' })), codes: [] },
  {
    name: 'C-T19 PAX keys of JavaScript',
    layer: tar(
      rawPax({ __proto__: 'x', constructor: 'y', 'SCHILY.xattr.user.toString': 'z', polluted: '1' }),
      rawEntry({ name: 'f' }),
    ),
    codes: [],
  },
  {
    name: 'C-T19 unicode twins',
    layer: tar(rawEntry({ name: '\u00e9' }, '1'), rawEntry({ name: 'e\u0301' }, '2')),
    codes: [],
  },
  {
    name: 'C-T20 PAX header that claims 1 GiB',
    layer: tar(rawHeader({ name: 'x', type: 'x', size: 2 ** 30 }), Buffer.alloc(2 ** 21, 'a')),
    codes: malformed,
  },
  {
    name: 'C-T20 long name that claims 1 GiB',
    layer: tar(rawHeader({ name: 'x', type: 'L', size: 2 ** 30 }), Buffer.alloc(2 ** 21, 'a')),
    codes: malformed,
  },
  ...['0 a=b\n', '5 a=b', '5 abc\n', '99 a=b\n', '\n', '6 a=b\n\0\0\0\0x'].map((records) => ({
    name: `C-T20 PAX records ${JSON.stringify(records)}`,
    layer: tar(rawEntry({ name: 'x', type: 'x' }, records), rawEntry({ name: 'f' })),
    codes: malformed,
  })),
  {
    name: 'C-T20 PAX header at the end',
    layer: tar(rawEntry({ name: 'f' }), rawPax({ path: 'g' })),
    codes: malformed,
  },
]

/** A zstd frame whose header asks for a window of 2 TiB (exponent 31, mantissa 0: 2^(10+31)). Source: RFC 8878, 3.1.1.1.2. */
const wideWindow = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 31 << 3, 0x01, 0x00, 0x00])

interface Way {
  readonly name: string
  bring(engine: Engine, layer: Buffer, mediaType: string, diffId: string): Promise<unknown>
}

const configOf = (diffId: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [diffId] },
    }),
  )

async function push(repository: string, blob: Buffer): Promise<{ digest: string; size: number }> {
  const digest = sha256(blob)
  const opened = await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
  const location = new URL(opened.headers.get('location') ?? '', registry.url)
  location.searchParams.set('digest', digest)
  const stored = await fetch(location, { method: 'PUT', body: new Uint8Array(blob) })
  assert.equal(stored.status, 201)
  return { digest, size: blob.length }
}

const ways: readonly Way[] = [
  {
    name: 'load',
    bring(engine, layer, _, diffId) {
      const manifest = [{ Config: 'config.json', RepoTags: ['evil:1'], Layers: ['layer.tar'] }]
      const archive = tar(
        rawEntry({ name: 'layer.tar' }, layer),
        rawEntry({ name: 'config.json' }, configOf(diffId)),
        rawEntry({ name: 'manifest.json' }, JSON.stringify(manifest)),
      )
      return engine.images.load(Readable.from([archive]))
    },
  },
  {
    name: 'pull',
    async bring(engine, layer, mediaType, diffId) {
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: { mediaType: mediaTypes.ociConfig, ...(await push('evil', configOf(diffId))) },
        layers: [{ mediaType, ...(await push('evil', layer)) }],
      })
      const headers = { 'content-type': mediaTypes.ociManifest }
      const stored = await fetch(`${registry.url}/v2/evil/manifests/1`, {
        method: 'PUT',
        headers,
        body: manifest,
      })
      assert.equal(stored.status, 201)
      return engine.images.pull(`${registry.host}/evil:1`)
    },
  },
  {
    name: 'import',
    bring: (engine, layer) => engine.images.import(Readable.from([layer]), { reference: 'evil:1' }),
  },
]

let registry: StartedRegistry
let folder: string
before(async () => {
  registry = await startRegistry()
  folder = mkdtempSync(join(tmpdir(), 'mille-hostile-'))
})
after(async () => {
  umount(folder)
  rmSync(folder, { recursive: true, force: true })
  await registry[Symbol.asyncDispose]()
})

/** The engine takes the snapshotter from the environment, as the command does. */
async function open(kind: string): Promise<Engine> {
  process.env['MILLE_SNAPSHOTTER'] = kind
  return openEngine({ root: mkdtempSync(join(folder, `${kind}-`)) })
}

async function judge(engine: Engine, work: Promise<unknown>, codes: readonly ErrorCode[]): Promise<void> {
  if (codes.length > 0) {
    await assert.rejects(work, (error) => {
      assert.ok(isMilleError(error, ...codes), String(error))
      assert.ok(!/\n {4}at /.test(error.message))
      return true
    })
    assert.deepEqual(await engine.images.list({ all: true }), [])
  } else await work
  for (const { id } of await engine.images.list({ all: true }))
    await engine.images.remove(id, { force: true })
  await engine.collect()
  assert.deepEqual(readdirSync(join(engine.root, 'blobs/sha256')), [])
  assert.deepEqual(readdirSync(join(engine.root, 'ingest')), [])
  assert.deepEqual(await engine.check(), [])
}

for (const kind of ['erofs', 'unpacked'])
  for (const way of ways)
    test(`C-T17 to C-T20 by ${way.name}: refused as stated or taken, and nothing is left (${kind})`, async (t) => {
      await using engine = await open(kind)
      for (const { name, layer, codes } of rows)
        await t.test(name, () =>
          judge(engine, way.bring(engine, layer, mediaTypes.ociLayer, sha256(layer)), codes),
        )
      for (const [name, layer, codes] of [
        ['C-T23 zstd window of 2 TiB', wideWindow, ['LAYER_LIMIT']],
        [
          'C-T24 gzip cut short',
          gzipSync(tar(rawEntry({ name: 'f' }))).subarray(0, -9),
          ['COMPRESSION_TRUNCATED'],
        ],
      ] as const)
        await t.test(name, () => {
          const mediaType = name.includes('zstd') ? mediaTypes.ociLayerZstd : mediaTypes.ociLayerGzip
          return judge(engine, way.bring(engine, layer, mediaType, sha256('none')), codes)
        })
      assert.equal('polluted' in {}, false)
    })
