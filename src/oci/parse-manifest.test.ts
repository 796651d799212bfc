import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ErrorCode } from '../util/errors.ts'
import { sha256 } from './digest.ts'
import { mediaTypes } from './media-types.ts'
import { parseManifestDocument } from './parse-manifest.ts'

const digest = sha256('x')
const config = { mediaType: mediaTypes.ociConfig, digest, size: 3 }
const layer = { mediaType: mediaTypes.ociLayerGzip, digest, size: 7 }
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [
    { ...layer, mediaType: mediaTypes.ociManifest, platform: { os: 'linux', architecture: 'arm' } },
  ],
}
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

test('a manifest keeps its raw bytes, and the digest is theirs', () => {
  const raw = Buffer.from(JSON.stringify(manifest, null, 3))
  const document = parseManifestDocument(raw, `${mediaTypes.ociManifest}; charset=utf-8`)
  assert.ok(document.kind === 'manifest')
  assert.deepEqual(document.manifest.layers, [layer])
  assert.deepEqual(document.descriptor, {
    mediaType: mediaTypes.ociManifest,
    digest: sha256(raw),
    size: raw.length,
  })
  assert.equal(document.raw, raw)
})

test('an index keeps the platforms of its entries', () => {
  const document = parseManifestDocument(bytes(index))
  assert.ok(document.kind === 'index')
  assert.deepEqual(document.index.manifests[0]?.platform, { os: 'linux', architecture: 'arm' })
})

test('without a type of its own the hint decides, without a hint the fields', () => {
  const { mediaType: _, ...plain } = manifest
  assert.equal(
    parseManifestDocument(bytes(plain), mediaTypes.dockerManifest).descriptor.mediaType,
    mediaTypes.dockerManifest,
  )
  assert.equal(parseManifestDocument(bytes(plain), 'text/plain').descriptor.mediaType, mediaTypes.ociManifest)
  assert.equal(
    parseManifestDocument(bytes({ schemaVersion: 2, manifests: [] })).descriptor.mediaType,
    mediaTypes.ociIndex,
  )
})

test('null means absent where Go writes it', () => {
  const document = parseManifestDocument(bytes({ ...manifest, layers: null, annotations: null }))
  assert.ok(document.kind === 'manifest')
  assert.deepEqual(document.manifest.layers, [])
  assert.ok(!('annotations' in document.manifest))
})

test('keys named __proto__ are data', () => {
  const raw = JSON.stringify({ ...manifest, annotations: {} }).replace(
    '"annotations":{}',
    '"annotations":{"__proto__":"p","constructor":"c","toString":"t"}',
  )
  const { annotations } = (
    parseManifestDocument(Buffer.from(raw)) as { manifest: { annotations: Record<string, string> } }
  ).manifest
  assert.deepEqual(Object.entries(annotations), [
    ['__proto__', 'p'],
    ['constructor', 'c'],
    ['toString', 't'],
  ])
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

suite('refuses', () => {
  const withLayer = (field: object): Buffer => bytes({ ...manifest, layers: [{ ...layer, ...field }] })
  const raw = (text: string): Buffer => Buffer.from(text)
  const json = JSON.stringify(manifest)
  const cases: readonly (readonly [string, Buffer, ErrorCode, string?])[] = [
    ['manifest and index in one', bytes({ ...manifest, manifests: [] }), 'MANIFEST_AMBIGUOUS'],
    [
      'manifest called an index',
      bytes({ ...manifest, mediaType: mediaTypes.ociIndex }),
      'MANIFEST_AMBIGUOUS',
    ],
    ['index called a manifest', bytes({ ...index, mediaType: mediaTypes.ociManifest }), 'MANIFEST_AMBIGUOUS'],
    ['schema 1 fields too', bytes({ ...manifest, fsLayers: [] }), 'MANIFEST_AMBIGUOUS'],
    ['another type than announced', bytes(manifest), 'MANIFEST_AMBIGUOUS', mediaTypes.dockerManifest],
    ['schema 1', bytes({ schemaVersion: 1, fsLayers: [] }), 'MEDIA_TYPE_UNSUPPORTED'],
    ['unknown type', bytes({ ...manifest, mediaType: 'a/b' }), 'MEDIA_TYPE_UNSUPPORTED'],
    ['schemaVersion "2"', bytes({ ...manifest, schemaVersion: '2' }), 'MANIFEST_INVALID'],
    ['no config', bytes({ ...manifest, config: null }), 'MANIFEST_INVALID'],
    ['layers an object', bytes({ ...manifest, layers: {} }), 'MANIFEST_INVALID'],
    ['a null layer', bytes({ ...manifest, layers: [null] }), 'MANIFEST_INVALID'],
    ['digest with a path', withLayer({ digest: 'sha256:../../etc/passwd' }), 'DIGEST_INVALID'],
    ['digest in upper case', withLayer({ digest: digest.toUpperCase() }), 'DIGEST_INVALID'],
    ['digest with a newline', withLayer({ digest: `${digest}\n` }), 'DIGEST_INVALID'],
    ['digest a number', withLayer({ digest: 5 }), 'DIGEST_INVALID'],
    ['size -1', withLayer({ size: -1 }), 'MANIFEST_INVALID'],
    ['size 1.5', withLayer({ size: 1.5 }), 'MANIFEST_INVALID'],
    ['size as text', withLayer({ size: '12' }), 'MANIFEST_INVALID'],
    ['size 2^53+1', raw(json.replace('"size":7', '"size":9007199254740993')), 'MANIFEST_INVALID'],
    ['size 1e400', raw(json.replace('"size":7', '"size":1e400')), 'MANIFEST_INVALID'],
    ['config of 32 MiB', bytes({ ...manifest, config: { ...config, size: 32 << 20 } }), 'MANIFEST_INVALID'],
    ['annotation of a number', bytes({ ...manifest, annotations: { a: 1 } }), 'MANIFEST_INVALID'],
    [
      '10,000 layers',
      bytes({ ...manifest, layers: Array.from({ length: 10_000 }, () => layer) }),
      'TOO_MANY_LAYERS',
    ],
    ['5 MiB', Buffer.alloc(5 << 20, 0x20), 'MANIFEST_TOO_LARGE'],
    ['100,000 levels', raw(json.replace('"size":7', `"size":${nested(100_000)}`)), 'MANIFEST_INVALID'],
    ['100,000 open brackets', raw('['.repeat(100_000)), 'MANIFEST_INVALID'],
    ['doubled key', raw(json.replace('{', '{"schemaVersion":2,')), 'MANIFEST_INVALID'],
    ['doubled key, escaped', raw(json.replace('{', '{"schema\\u0056ersion":2,')), 'MANIFEST_INVALID'],
    ['byte order mark', raw(`\ufeff${json}`), 'MANIFEST_INVALID'],
    ['two documents', raw(json + json), 'MANIFEST_INVALID'],
    ['broken UTF-8', Buffer.concat([raw('{"a":"'), Buffer.from([0xff]), raw('"}')]), 'MANIFEST_INVALID'],
    ['an array', raw('[]'), 'MANIFEST_INVALID'],
    ['null', raw('null'), 'MANIFEST_INVALID'],
    ['nothing', raw(''), 'MANIFEST_INVALID'],
  ]
  for (const [name, document, code, hint] of cases) {
    test(name, () => {
      assert.throws(() => parseManifestDocument(document, hint), { name: 'MilleError', code })
    })
  }
})

test('500 layers and 100 levels are accepted', () => {
  const many = {
    ...manifest,
    layers: Array.from({ length: 500 }, () => layer),
    extra: JSON.parse(nested(99)) as unknown,
  }
  assert.equal(parseManifestDocument(bytes(many)).kind, 'manifest')
})
