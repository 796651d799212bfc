import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { suite, test } from 'node:test'
import { memoryBlobStore } from '../../test/support/memory-blob-store.ts'
import { pushImage, randomImage, randomIndex } from '../../test/support/random-image.ts'
import { canonicalJson } from './canonical-json.ts'
import { copyGraph } from './copy-graph.ts'
import type { Descriptor } from './descriptor.ts'
import { sha256 } from './digest.ts'
import { mediaTypes } from './media-types.ts'

const amd64 = { os: 'linux', architecture: 'amd64' }
const arm64 = { os: 'linux', architecture: 'arm64' }

suite('copyGraph', () => {
  test('children come before parents, each once, and all bytes arrive', async () => {
    const [source, target] = [memoryBlobStore(), memoryBlobStore()]
    const images = [randomImage({ platform: amd64 }), randomImage({ platform: arm64 })]
    for (const image of images) await pushImage(source, image)
    const index = randomIndex(images)
    await source.push(index.descriptor, Readable.from([index.bytes]))
    await copyGraph(source, target, index.descriptor)
    assert.deepEqual(new Map([...target.blobs].sort()), new Map([...source.blobs].sort()))
    assert.equal(new Set(target.pushed).size, target.pushed.length)
    assert.equal(target.pushed.at(-1), index.descriptor.digest)
    for (const { descriptor, manifest } of images) {
      const at = target.pushed.indexOf(descriptor.digest)
      for (const part of [manifest.config, ...manifest.layers])
        assert.ok(target.pushed.indexOf(part.digest) < at)
    }
  })

  test('what the target has is neither fetched nor pushed again', async () => {
    const [source, target] = [memoryBlobStore(), memoryBlobStore()]
    const image = randomImage()
    await pushImage(source, image)
    await copyGraph(source, target, image.descriptor)
    const events: string[] = []
    source.fetched.length = 0
    await copyGraph(source, target, image.descriptor, { onProgress: ({ status }) => events.push(status) })
    assert.deepEqual(source.fetched, [])
    assert.equal(target.pushed.length, image.blobs.length)
    assert.deepEqual(new Set(events), new Set(['Already exists']))
  })

  test('with a platform only that image is copied', async () => {
    const [source, target] = [memoryBlobStore(), memoryBlobStore()]
    const [one, other] = [
      randomImage({ platform: amd64, seed: 1 }),
      randomImage({ platform: arm64, seed: 2 }),
    ] as const
    await pushImage(source, one)
    const index = randomIndex([other, one])
    await source.push(index.descriptor, Readable.from([index.bytes]))
    await copyGraph(source, target, index.descriptor, { platform: amd64 })
    assert.ok(target.blobs.has(one.descriptor.digest))
    assert.ok(!target.blobs.has(other.descriptor.digest))
  })

  test('a damaged source changes nothing under the manifest and is named', async () => {
    const [source, target] = [memoryBlobStore(), memoryBlobStore()]
    const image = randomImage()
    await pushImage(source, image)
    const layer = image.manifest.layers[1] as Descriptor
    const bytes = source.blobs.get(layer.digest) as Buffer
    source.blobs.set(layer.digest, Buffer.from(bytes.map((byte) => byte ^ 1)))
    await assert.rejects(
      copyGraph(source, target, image.descriptor),
      (error: Error & { code: string; details: object }) => {
        assert.equal(error.code, 'BLOB_DIGEST_MISMATCH')
        assert.equal((error.details as { side: string }).side, 'source')
        return true
      },
    )
    assert.ok(!target.blobs.has(image.descriptor.digest))
    assert.ok(!target.blobs.has(layer.digest))
  })

  test('a missing blob is a failure of the source, a refusing target one of the target', async () => {
    const [source, target] = [memoryBlobStore(), memoryBlobStore()]
    const image = randomImage()
    await pushImage(source, image)
    const refusing = { ...target, push: () => Promise.reject(new Error('disk full')) }
    await assert.rejects(copyGraph(source, refusing, image.descriptor), /disk full/)
    source.blobs.delete(image.manifest.config.digest)
    await assert.rejects(copyGraph(source, target, image.descriptor), {
      code: 'BLOB_NOT_FOUND',
      details: { digest: image.manifest.config.digest, side: 'source' },
    })
  })

  test('a chain of 20 indexes is refused', async () => {
    const source = memoryBlobStore()
    const image = randomImage()
    await pushImage(source, image)
    let inner: Descriptor = image.descriptor
    for (let depth = 0; depth < 20; depth++) {
      const bytes = canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [inner] })
      inner = { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), size: bytes.length }
      await source.push(inner, Readable.from([bytes]))
    }
    await assert.rejects(copyGraph(source, memoryBlobStore(), inner), { code: 'MANIFEST_INVALID' })
  })

  test('an index listing one manifest 1,000 times, six levels up, is walked once', async () => {
    const [source, target] = [memoryBlobStore(), memoryBlobStore()]
    const image = randomImage()
    await pushImage(source, image)
    let inner: Descriptor = image.descriptor
    for (let depth = 0; depth < 6; depth++) {
      const manifests = Array.from({ length: 1000 }, () => inner)
      const bytes = canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
      inner = { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), size: bytes.length }
      await source.push(inner, Readable.from([bytes]))
    }
    source.fetched.length = 0
    await copyGraph(source, target, inner)
    assert.equal(source.fetched.length, image.blobs.length + 6)
  })
})
