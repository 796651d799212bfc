import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, before, suite, test } from 'node:test'
import { hash } from 'bcryptjs'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestHex, sha256 } from '../../src/oci/digest.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import type { RegistryClient, Repository } from '../../src/registry/repository.ts'
import { runProgram } from '../../src/util/run-program.ts'
import { memoryBlobStore } from '../support/memory-blob-store.ts'
import { pushImage, randomBytes, randomImage, randomIndex } from '../support/random-image.ts'
import { startRegistry } from '../support/start-registry.ts'
import { startDockerRegistry } from '../support/start-docker-registry.ts'
import type { DockerRegistry } from '../support/start-docker-registry.ts'

const plain = ['--tls-verify=false']

const registries: readonly (readonly [string, () => Promise<DockerRegistry>])[] = [
  ["Debian's docker-registry", () => startDockerRegistry()],
  ['our registry, in memory', () => startRegistry({ driver: 'memory' })],
  ['our registry, in files', () => startRegistry({ driver: 'files' })],
]

for (const [name, start] of registries) suite(`against ${name}`, () => clientSuite(start))

function clientSuite(start: () => Promise<DockerRegistry>): void {
  let registry: DockerRegistry
  let client: RegistryClient
  let folder = ''
  const open = (repository: string): Repository =>
    client.openRepository({ registry: registry.host, repository })

  before(async () => {
    registry = await start()
    client = createRegistryClient({ retryDelay: 10 })
    folder = await mkdtemp(join(tmpdir(), 'mille-e2e-registry-'))
  })
  after(async () => {
    await client[Symbol.asyncDispose]()
    await registry[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  test('what was pushed is pulled back, by tag and by digest, bit for bit', async () => {
    const image = randomImage({ seed: 11, layerSize: 300_000 })
    const [source, target] = [memoryBlobStore(), memoryBlobStore()]
    await pushImage(source, image)
    const repository = open('team/app')
    await copyGraph(source, repository, image.descriptor)
    await repository.tag(image.descriptor, 'v1')
    assert.deepEqual(await repository.resolve('v1'), image.descriptor)
    assert.deepEqual(await repository.resolve(image.descriptor.digest), image.descriptor)
    await copyGraph(open('team/app'), target, image.descriptor)
    assert.deepEqual(new Map([...target.blobs].sort()), new Map([...source.blobs].sort()))
  })

  test('a second push sends nothing', async () => {
    const image = randomImage({ seed: 12 })
    const source = memoryBlobStore()
    await pushImage(source, image)
    const repository = open('twice')
    await copyGraph(source, repository, image.descriptor)
    source.fetched.length = 0
    const events: string[] = []
    await copyGraph(source, repository, image.descriptor, { onProgress: ({ status }) => events.push(status) })
    assert.deepEqual(events, ['Already exists', 'Already exists', 'Already exists'])
    assert.deepEqual(source.fetched, [])
  })

  test('skopeo reads what was pushed', async () => {
    const images = [
      randomImage({ seed: 13, platform: { os: 'linux', architecture: 'amd64' } }),
      randomImage({ seed: 14, platform: { os: 'linux', architecture: 'arm64' } }),
    ]
    const source = memoryBlobStore()
    for (const image of images) await pushImage(source, image)
    const index = randomIndex(images)
    await source.push(index.descriptor, Readable.from([index.bytes]))
    const repository = open('multi')
    await copyGraph(source, repository, index.descriptor)
    await repository.tag(index.descriptor, 'both')
    const from = `docker://${registry.host}/multi:both`
    const raw = await runProgram('skopeo', ['inspect', ...plain, '--raw', from])
    assert.deepEqual(raw.stdout, index.bytes)
    await runProgram('skopeo', ['copy', '--all', '--src-tls-verify=false', from, `oci:${folder}/multi:both`])
    for (const [digest, bytes] of source.blobs) {
      assert.deepEqual(await readFile(join(folder, 'multi/blobs/sha256', digestHex(digest))), bytes)
    }
  })

  test('what skopeo pushed is pulled, Docker types too', async () => {
    const image = randomImage({ seed: 15 })
    const repository = open('types')
    const source = memoryBlobStore()
    await pushImage(source, image)
    await copyGraph(source, repository, image.descriptor)
    await repository.tag(image.descriptor, 'oci')
    const at = `docker://${registry.host}/types`
    await runProgram('skopeo', [
      'copy',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      '--format',
      'v2s2',
      `${at}:oci`,
      `${at}:docker`,
    ])
    const resolved = await repository.resolve('docker')
    assert.equal(resolved.mediaType, 'application/vnd.docker.distribution.manifest.v2+json')
    const target = memoryBlobStore()
    await copyGraph(repository, target, resolved)
    for (const { digest } of image.manifest.layers)
      assert.deepEqual(target.blobs.get(digest), source.blobs.get(digest))
  })

  test('a blob is mounted from another repository, and only when that one has it', async () => {
    const bytes = randomBytes(16, 5000)
    const blob: Descriptor = {
      mediaType: 'application/octet-stream',
      digest: sha256(bytes),
      size: bytes.length,
    }
    await open('from').push(blob, Readable.from([bytes]))
    assert.equal(await open('to').exists(blob), false)
    assert.equal(await open('to').mount(blob, 'nowhere'), false)
    assert.equal(await open('to').mount(blob, 'from'), true)
    assert.deepEqual(await buffer(await open('to').fetch(blob)), bytes)
  })

  test('a download goes on from an offset', async () => {
    const bytes = randomBytes(17, 100_000)
    const blob: Descriptor = {
      mediaType: 'application/octet-stream',
      digest: sha256(bytes),
      size: bytes.length,
    }
    await open('resume').push(blob, Readable.from([bytes]))
    const rest = await buffer(await open('resume').fetch(blob, { offset: 70_001 }))
    assert.deepEqual(rest, bytes.subarray(70_001))
  })

  test('an empty blob', async () => {
    const blob: Descriptor = { mediaType: 'application/octet-stream', digest: sha256(''), size: 0 }
    await open('empty').push(blob, Readable.from([]))
    assert.deepEqual(await buffer(await open('empty').fetch(blob)), Buffer.alloc(0))
  })

  test('tags, catalog, delete and what is not there', async () => {
    const image = randomImage({ seed: 18 })
    const source = memoryBlobStore()
    await pushImage(source, image)
    const repository = open('tagged')
    await copyGraph(source, repository, image.descriptor)
    for (const tag of ['b', 'a', 'c']) await repository.tag(image.descriptor, tag)
    assert.deepEqual((await Array.fromAsync(repository.tags())).toSorted(), ['a', 'b', 'c'])
    assert.ok((await Array.fromAsync(client.catalog(registry.host))).includes('tagged'))
    await repository.delete(image.descriptor)
    await assert.rejects(open('tagged').resolve('a'), { code: 'MANIFEST_UNKNOWN' })
    await assert.rejects(open('tagged').delete(image.descriptor), { code: 'MANIFEST_UNKNOWN' })
    await assert.rejects(Array.fromAsync(open('nowhere').tags()), { code: 'REGISTRY_REPOSITORY_UNKNOWN' })
    const missing: Descriptor = { ...image.descriptor, mediaType: 'x', digest: sha256('missing') }
    await assert.rejects(open('tagged').fetch(missing), { code: 'BLOB_NOT_FOUND' })
  })

  test('a manifest whose layer is missing names the trouble', async () => {
    const image = randomImage({ seed: 19 })
    const raw = image.blobs.at(-1)?.bytes ?? Buffer.alloc(0)
    await assert.rejects(open('incomplete').push(image.descriptor, Readable.from([raw])), {
      code: 'REGISTRY_BLOB_UNKNOWN',
    })
  })
}

test("Basic auth against Debian's docker-registry", async () => {
  await using registry = await startDockerRegistry({ htpasswd: `me:${await hash('right', 4)}\n` })
  const login = { username: 'me', password: 'right' }
  const image = randomImage({ seed: 20 })
  const source = memoryBlobStore()
  await pushImage(source, image)
  await using stranger = createRegistryClient()
  const reference = { registry: registry.host, repository: 'private' }
  await assert.rejects(copyGraph(source, stranger.openRepository(reference), image.descriptor), {
    code: 'REGISTRY_UNAUTHORIZED',
  })
  await stranger.verifyLogin(registry.host, login)
  await assert.rejects(stranger.verifyLogin(registry.host, { ...login, password: 'wrong' }), {
    code: 'LOGIN_REFUSED',
  })
  await using client = createRegistryClient({ logins: { find: () => Promise.resolve(login) } })
  const repository = client.openRepository(reference)
  await copyGraph(source, repository, image.descriptor)
  await repository.tag(image.descriptor, 'v1')
  assert.deepEqual(await repository.resolve('v1'), image.descriptor)
})
