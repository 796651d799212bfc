import assert from 'node:assert/strict'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { randomBytes } from '../support/random-image.ts'
import { codesOf, conforms, type Repository } from './client.ts'

const bytes = randomBytes(2, 5000)
const digest = sha256(bytes)
const missing = sha256('nobody has these bytes')

conforms('the registry says that it speaks the protocol', async (repository) => {
  assert.equal((await repository.send('GET', '/v2/')).status, 200)
})

conforms('a blob whole, by HEAD, and in parts', async (repository) => {
  await repository.pushBlob(bytes)
  const path = `blobs/${digest}`
  for (const method of ['GET', 'HEAD']) {
    const answer = await repository.send(method, path)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-length'), '5000')
    assert.equal(answer.headers.get('docker-content-digest'), digest)
    assert.equal(answer.headers.get('accept-ranges'), 'bytes')
    const body = Buffer.from(await answer.arrayBuffer())
    assert.deepEqual(body, method === 'GET' ? bytes : Buffer.alloc(0))
  }
  for (const [range, start, end] of [
    ['bytes=0-99', 0, 100],
    ['bytes=100-100', 100, 101],
    ['bytes=4000-', 4000, 5000],
    ['bytes=-10', 4990, 5000],
    ['bytes=4990-9999', 4990, 5000],
  ] as const) {
    const answer = await repository.send('GET', path, undefined, { range })
    assert.equal(answer.status, 206)
    assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end - 1}/5000`)
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes.subarray(start, end))
  }
  const outside = await repository.send('GET', path, undefined, { range: 'bytes=5000-5001' })
  assert.equal(outside.status, 416)
})

conforms('what is not there is 404, with the code for it', async (repository) => {
  const asks = [
    [`blobs/${missing}`, 'BLOB_UNKNOWN'],
    [`manifests/${missing}`, 'MANIFEST_UNKNOWN'],
    ['manifests/none', 'MANIFEST_UNKNOWN'],
    ['tags/list', 'NAME_UNKNOWN'],
  ] as const
  const ask = async (isThere: boolean): Promise<void> => {
    for (const [path, code] of isThere ? asks.slice(0, 3) : asks) {
      const answer = await repository.send('GET', path)
      assert.equal(answer.status, 404, path)
      assert.deepEqual(await codesOf(answer), [code])
      if (path !== 'tags/list') assert.equal((await repository.send('HEAD', path)).status, 404)
    }
  }
  await ask(false)
  await repository.pushBlob(bytes)
  await ask(true)
})

interface Kind {
  readonly title: string
  readonly mediaType: string
  manifest(repository: Repository): Promise<Record<string, unknown>>
}

const { ociManifest, ociIndex, dockerManifest, dockerList, ociEmpty } = mediaTypes
const layerType: string = mediaTypes.ociLayerGzip

async function blobOf(repository: Repository, mediaType: string, content: string) {
  return { mediaType, digest: await repository.pushBlob(content), size: Buffer.byteLength(content) }
}

async function image(repository: Repository, more: Record<string, unknown> = {}) {
  const config = await blobOf(repository, mediaTypes.ociConfig, '{"os":"linux","architecture":"amd64"}')
  const layers = [await blobOf(repository, layerType, 'one'), await blobOf(repository, layerType, 'two')]
  return { schemaVersion: 2, mediaType: ociManifest, config, layers, ...more }
}

/** An index of pushed images. */
async function index(repository: Repository, more: Record<string, unknown> = {}) {
  const manifests = []
  for (const architecture of ['amd64', 'arm64']) {
    const body = JSON.stringify(await image(repository, { annotations: { architecture } }))
    assert.equal((await repository.put(sha256(body), body, ociManifest)).status, 201)
    const platform = { os: 'linux', architecture }
    manifests.push({ mediaType: ociManifest, digest: sha256(body), size: body.length, platform })
  }
  return { schemaVersion: 2, mediaType: ociIndex, manifests, ...more }
}

const empty = { mediaType: ociEmpty, digest: sha256('{}'), size: 2 }
const absent = { mediaType: ociManifest, digest: missing, size: 1234 }

const kinds: readonly Kind[] = [
  { title: 'an image', mediaType: ociManifest, manifest: image },
  {
    title: 'an image that says no media type',
    mediaType: ociManifest,
    manifest: (r) => image(r, { mediaType: undefined }),
  },
  {
    title: 'an image with a manifest of nearly 4 MiB',
    mediaType: ociManifest,
    manifest: (r) => {
      const pairs = Array.from(
        { length: 390 },
        (_, number) => [`large-${number}`, 'A'.repeat(10_000)] as const,
      )
      return image(r, { annotations: Object.fromEntries(pairs) })
    },
  },
  { title: 'an image without layers', mediaType: ociManifest, manifest: (r) => image(r, { layers: [] }) },
  {
    title: 'an image with fields that nobody knows',
    mediaType: ociManifest,
    manifest: (r) => image(r, { 'org.example.custom': { deep: [1, null, 'x'] }, 'another-field': 1.5 }),
  },
  {
    title: 'an image with data in a descriptor',
    mediaType: ociManifest,
    manifest: async (r) => {
      await r.pushBlob('{}')
      return image(r, { config: { ...empty, data: Buffer.from('{}').toString('base64') } })
    },
  },
  {
    title: 'an image with layers that are elsewhere',
    mediaType: ociManifest,
    manifest: (r) => {
      const type = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
      const layer = { mediaType: type, digest: missing, size: 9 }
      return image(r, { layers: [layer, { ...layer, urls: ['https://layers.example.org/9'] }] })
    },
  },
  { title: 'an index', mediaType: ociIndex, manifest: index },
  { title: 'an index of nothing', mediaType: ociIndex, manifest: async (r) => index(r, { manifests: [] }) },
  { title: 'a sparse index', mediaType: ociIndex, manifest: async (r) => index(r, { manifests: [absent] }) },
  {
    title: 'an index of an index',
    mediaType: ociIndex,
    manifest: async (r) => {
      const body = JSON.stringify(await index(r))
      assert.equal((await r.put(sha256(body), body, ociIndex)).status, 201)
      const inner = { mediaType: ociIndex, digest: sha256(body), size: body.length }
      return { schemaVersion: 2, mediaType: ociIndex, manifests: [inner] }
    },
  },
  {
    title: 'an artifact',
    mediaType: ociManifest,
    manifest: async (r) => {
      await r.pushBlob('{}')
      return image(r, { config: empty, artifactType: 'application/vnd.example.sbom' })
    },
  },
  {
    title: 'an index of artifacts',
    mediaType: ociIndex,
    manifest: (r) => index(r, { artifactType: 'application/vnd.example.set' }),
  },
  {
    title: 'an image whose subject is not there',
    mediaType: ociManifest,
    manifest: (r) => image(r, { subject: absent }),
  },
  {
    title: 'an image as Docker makes it',
    mediaType: dockerManifest,
    manifest: (r) => image(r, { mediaType: dockerManifest }),
  },
  { title: 'a manifest list', mediaType: dockerList, manifest: (r) => index(r, { mediaType: dockerList }) },
]

for (const { title, mediaType, manifest } of kinds) {
  conforms(
    `${title}: pushed and pulled by tag and digest, byte for byte`,
    async (repository) => {
      const body = JSON.stringify(await manifest(repository), undefined, 3)
      const name = sha256(body)
      for (const reference of ['v1', name]) {
        const put = await repository.put(reference, body, mediaType)
        assert.equal(put.status, 201)
        assert.equal(put.headers.get('docker-content-digest'), name)
        const pulled = await repository.send('GET', put.headers.get('location') ?? '')
        assert.equal(await pulled.text(), body)
      }
      for (const reference of ['v1', name]) {
        for (const method of ['HEAD', 'GET']) {
          const accept = `${ociIndex}, ${ociManifest}, ${dockerManifest}, ${dockerList}`
          const answer = await repository.send(method, `manifests/${reference}`, undefined, { accept })
          assert.equal(answer.status, 200)
          assert.equal(answer.headers.get('content-type'), mediaType)
          assert.equal(answer.headers.get('content-length'), String(Buffer.byteLength(body)))
          assert.equal(answer.headers.get('docker-content-digest'), name)
          assert.equal(await answer.text(), method === 'GET' ? body : '')
        }
      }
      // one is enough: a manifest's kind is nothing to a storage
    },
    ['memory'],
  )
}
