import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { pushImage, randomBytes, randomImage } from '../../../../test/support/random-image.ts'
import { startRegistryProxy, type RegistryProxy } from '../../../../test/support/registry-proxy.ts'
import { startRegistry } from '../../../../test/support/start-registry.ts'
import { sha256, type Digest } from '../../../oci/digest.ts'
import { createRegistryClient } from '../../client/registry-client.ts'
import { MemoryStorage } from '../memory-storage.ts'
import type { RegistryStorage } from '../storage.ts'
import { PullThroughStorage } from './pull-through-storage.ts'
import { openUpstreams } from './upstreams.ts'

interface Setup extends AsyncDisposable {
  readonly upstream: RegistryStorage
  readonly proxy: RegistryProxy
  readonly inner: RegistryStorage
  readonly storage: RegistryStorage
}

const repository = 'up/app'

async function setUp(fresh: number = 60_000): Promise<Setup> {
  await using resources = new AsyncDisposableStack()
  const registry = resources.use(await startRegistry())
  const proxy = resources.use(await startRegistryProxy(registry.host))
  const client = resources.use(createRegistryClient({ attempts: 1 }))
  const inner = resources.use(new MemoryStorage())
  const upstreams = openUpstreams([{ registry: proxy.host, prefix: 'up', fresh }], client)
  const storage = resources.use(new PullThroughStorage(inner, upstreams))
  const kept = resources.move()
  return {
    upstream: registry.storage,
    proxy,
    inner,
    storage,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function pushBlob(storage: RegistryStorage, bytes: Buffer, to = 'app'): Promise<Digest> {
  const owner = { repository: to, user: '' }
  const id = await storage.openUpload(owner)
  await storage.appendUpload(owner, id, {}, Readable.from([bytes]))
  await storage.finishUpload(owner, id, sha256(bytes))
  return sha256(bytes)
}

async function pushTag(storage: RegistryStorage, text: string, tag = 'v1'): Promise<Digest> {
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: [], annotations: { text } }),
  )
  await storage.putManifest('app', { mediaType: index, digest: sha256(bytes), bytes, blobs: [], tags: [tag] })
  return sha256(bytes)
}

const index = 'application/vnd.oci.image.index.v1+json'

test('a hundred readers cost one request upstream, and the next one none', async () => {
  await using setup = await setUp()
  const bytes = randomBytes(1, 1_500_000)
  const digest = await pushBlob(setup.upstream, bytes)
  const read = async (): Promise<Buffer> => buffer(await setup.storage.readBlob(repository, digest))
  const all = await Promise.all(Array.from({ length: 100 }, read))
  assert.ok(all.every((one) => one.equals(bytes)))
  assert.deepEqual(await read(), bytes)
  const asked = setup.proxy.requests.filter(({ method }) => method === 'GET')
  assert.deepEqual(
    asked.map(({ path }) => path).filter((path) => path.includes('/blobs/')),
    [`/v2/app/blobs/${digest}`],
  )
  assert.equal(await setup.inner.statBlob(repository, digest), bytes.length)
})

test('bytes reach the first reader while they come', async () => {
  await using setup = await setUp()
  const bytes = randomBytes(2, 3_000_000)
  const digest = await pushBlob(setup.upstream, bytes)
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  let passed = 0
  setup.proxy.onBody = async ({ path }, chunk) => {
    if (path.includes('/blobs/')) passed += chunk.length
    if (passed > 1_000_000) await held
    return chunk
  }
  const body = await setup.storage.readBlob(repository, digest)
  const pieces: Buffer[] = []
  for await (const piece of body as AsyncIterable<Buffer>) {
    pieces.push(piece)
    // not one byte is in the storage: they came straight from upstream
    if (pieces.length === 1) assert.equal(await setup.inner.statBlob(repository, digest), undefined)
    release()
  }
  assert.deepEqual(Buffer.concat(pieces), bytes)
})

test('a reader that does not read holds up neither the others nor the storage', async () => {
  await using setup = await setUp()
  const bytes = randomBytes(3, 3_000_000)
  const digest = await pushBlob(setup.upstream, bytes)
  const slow = await setup.storage.readBlob(repository, digest)
  const late = await setup.storage.readBlob(repository, digest)
  assert.deepEqual(await buffer(late), bytes)
  assert.equal(await setup.inner.statBlob(repository, digest), bytes.length)
  assert.deepEqual(await buffer(slow), bytes)
})

test('a range, and the size, of what is not here yet', async () => {
  await using setup = await setUp()
  const digest = await pushBlob(setup.upstream, Buffer.from('0123456789'))
  assert.equal(await setup.storage.statBlob(repository, digest), 10)
  assert.equal(await setup.storage.statBlob(repository, sha256('none')), undefined)
  const part = await setup.storage.readBlob(repository, digest, { start: 3, end: 5 })
  assert.equal((await buffer(part)).toString(), '345')
  await assert.rejects(setup.storage.readBlob(repository, sha256('none')), { code: 'BLOB_UNKNOWN' })
})

test('other bytes than those of the digest are passed on to nobody to their end, and not kept', async () => {
  await using setup = await setUp()
  const digest = await pushBlob(setup.upstream, randomBytes(3, 100_000))
  setup.proxy.onBody = ({ path }, chunk) => (path.includes('/blobs/') ? Buffer.alloc(chunk.length) : chunk)
  await assert.rejects(buffer(await setup.storage.readBlob(repository, digest)))
  assert.equal(await setup.inner.statBlob(repository, digest), undefined)
  setup.proxy.onBody = (_, chunk) => chunk
  assert.equal((await buffer(await setup.storage.readBlob(repository, digest))).length, 100_000)
})

test('a fresh tag is not asked for again', async () => {
  await using setup = await setUp()
  const first = await pushTag(setup.upstream, 'first')
  assert.equal((await setup.storage.findManifest(repository, 'v1'))?.digest, first)
  await pushTag(setup.upstream, 'second')
  const asked = setup.proxy.requests.length
  assert.equal((await setup.storage.findManifest(repository, 'v1'))?.digest, first)
  assert.equal(setup.proxy.requests.length, asked)
})

test('a stale tag follows upstream, also when it goes; what it named stays by its digest', async () => {
  await using setup = await setUp(0)
  const first = await pushTag(setup.upstream, 'first')
  assert.equal((await setup.storage.findManifest(repository, 'v1'))?.digest, first)
  const second = await pushTag(setup.upstream, 'second')
  assert.equal((await setup.storage.findManifest(repository, 'v1'))?.digest, second)
  assert.equal((await setup.storage.findManifest(repository, first))?.digest, first)
  await setup.upstream.deleteTag('app', 'v1')
  assert.equal(await setup.storage.findManifest(repository, 'v1'), undefined)
  assert.equal((await setup.storage.findManifest(repository, second))?.digest, second)
})

test('when upstream is down, what is here is served; what is not is an error', async () => {
  await using setup = await setUp(0)
  const digest = await pushTag(setup.upstream, 'kept')
  assert.equal((await setup.storage.findManifest(repository, 'v1'))?.digest, digest)
  setup.proxy.onRequest = (_, response) => {
    response.writeHead(503).end()
    return true
  }
  assert.equal((await setup.storage.findManifest(repository, 'v1'))?.digest, digest)
  await assert.rejects(setup.storage.findManifest(repository, 'v2'), { code: 'REGISTRY_FAILED' })
})

test('copies are not pushed to; everything beside them is', async () => {
  await using setup = await setUp()
  const owner = { repository, user: '' }
  await assert.rejects(setup.storage.openUpload(owner), { code: 'REGISTRY_METHOD_UNSUPPORTED' })
  await pushBlob(setup.storage, Buffer.from('mine'), 'upper')
  assert.equal(await setup.storage.statBlob('upper', sha256('mine')), 4)
})

test('an image with a config, layers and a tag comes whole', async () => {
  await using setup = await setUp()
  const image = randomImage()
  await using client = createRegistryClient()
  const target = client.openRepository({ registry: setup.proxy.host, repository: 'app' })
  await pushImage(target, image)
  const found = await setup.storage.findManifest(repository, image.descriptor.digest)
  assert.equal(found?.digest, image.descriptor.digest)
  for (const { descriptor, bytes } of image.blobs.slice(0, -1)) {
    assert.deepEqual(await buffer(await setup.storage.readBlob(repository, descriptor.digest)), bytes)
  }
})
