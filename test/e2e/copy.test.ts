import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import type { Reference } from '../../src/oci/reference.ts'
import { hostPlatform } from '../../src/oci/platform.ts'
import { copyImage } from '../../src/images/copy/copy-image.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { pushImage, randomImage, randomIndex } from '../support/random-image.ts'
import { startRegistryProxy } from '../support/registry-proxy.ts'
import { startRegistry } from '../support/start-registry.ts'
import { openTempStore } from '../support/temp-store.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let mille: TestMille
let from: DockerRegistry
let to: DockerRegistry
let folder: string
const foreign = hostPlatform().architecture === 'arm64' ? 'amd64' : 'arm64'
const images = [hostPlatform(), { os: 'linux', architecture: foreign }].map((platform, at) =>
  randomImage({ seed: 300 + at, platform }),
)
const index = randomIndex(images)
const [mine, other] = images.map(({ descriptor }) => descriptor.digest)

before(async () => {
  mille = testMille()
  from = await startDockerRegistry()
  to = await startDockerRegistry()
  folder = mkdtempSync(join(tmpdir(), 'mille-copy-'))
  await using client = createRegistryClient()
  const repository = client.openRepository({ registry: from.host, repository: 'team/app' })
  for (const image of images) await pushImage(repository, image)
  await repository.push(index.descriptor, Readable.from([index.bytes]))
  await repository.tag(index.descriptor, 'v1')
})
after(async () => {
  mille[Symbol.dispose]()
  await from[Symbol.asyncDispose]()
  await to[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})
const source = (): string => `${from.host}/team/app:v1`
const copy = (...args: readonly string[]): string => mille.ok('copy', '-q', ...args)

/** The digest that skopeo finds. */
function digestAt(transport: string): string {
  const flags = transport.startsWith('docker:') ? ['--tls-verify=false'] : []
  return sha256(execFileSync('skopeo', ['inspect', '--raw', ...flags, transport]))
}

test('between registries: one platform, or all; the digest stays, and nothing enters the store', () => {
  assert.equal(copy(source(), `${to.host}/one:v1`), mine)
  assert.equal(copy('--platform', `linux/${foreign}`, source(), `docker://${to.host}/other:v1`), other)
  assert.equal(copy('--all', source(), `${to.host}/all:v1`), index.descriptor.digest)
  for (const [name, digest] of [
    ['one', mine],
    ['other', other],
    ['all', index.descriptor.digest],
  ] as const)
    assert.equal(digestAt(`docker://${to.host}/${name}:v1`), digest)
  assert.deepEqual(readdirSync(`${mille.root}/blobs/sha256`), [])
  // within a registry blobs are taken over
  assert.equal(copy('--all', `${to.host}/all:v1`, `${to.host}/again:v2`), index.descriptor.digest)
})

test('between registries: an upload that breaks goes on from where it stands', async () => {
  await using source = await startRegistry()
  await using target = await startRegistry()
  await using proxy = await startRegistryProxy(target.host)
  await using client = createRegistryClient({ retryDelay: 100 })
  const image = randomImage({ seed: 310, layers: 1, layerSize: 24_000_000 })
  const origin = client.openRepository({ registry: source.host, repository: 'app' })
  await pushImage(origin, image)
  await origin.tag(image.descriptor, 'v1')
  const cuts = [6_000_000, 17_000_000]
  proxy.onUpload = (seen, chunk) => {
    if (cuts[0] === undefined || seen.offset + seen.received < cuts[0]) return chunk
    cuts.shift()
    return undefined
  }
  await using store = await openTempStore()
  const parts = { store, open: async (reference: Reference) => client.openRepository(reference) }
  const copied = await copyImage(parts, `${source.host}/app:v1`, `${proxy.host}/copy:v1`)
  assert.deepEqual([copied, cuts], [image.descriptor, []])
  const sizes = proxy.requests.filter(({ method }) => method === 'PATCH').map(({ offset }) => offset)
  assert.ok(sizes.filter((offset) => offset > 0).length >= 2, sizes.join(' '))
  const there = client.openRepository({ registry: target.host, repository: 'copy' })
  assert.deepEqual(await there.resolve('v1'), image.descriptor)
})

test('to a folder and an archive and back: skopeo reads both, digests stay', () => {
  const layout = join(folder, 'layout')
  assert.equal(copy('--all', source(), `oci:${layout}:v1`), index.descriptor.digest)
  assert.equal(copy(source(), `oci:${layout}:mine`), mine)
  assert.equal(digestAt(`oci:${layout}:v1`), index.descriptor.digest)
  assert.equal(digestAt(`oci:${layout}:mine`), mine)
  const archive = join(folder, 'archive.tar')
  assert.equal(copy('--all', `oci:${layout}:v1`, `archive:${archive}`), index.descriptor.digest)
  assert.equal(digestAt(`oci-archive:${archive}`), index.descriptor.digest)
  assert.equal(copy('--all', `archive:${archive}`, `${to.host}/archived:v1`), index.descriptor.digest)
  assert.equal(copy(`oci:${layout}:mine`, `${to.host}/layout:v1`), mine)
  assert.equal(digestAt(`docker://${to.host}/archived:v1`), index.descriptor.digest)
  // the same image, the same bytes
  copy('--all', `oci:${layout}:v1`, `archive:${archive}.2`)
  assert.ok(readFileSync(archive).equals(readFileSync(`${archive}.2`)))
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('.tmp')),
    [],
  )
  assert.equal(mille.ok('images', '-aq'), '')
  assert.deepEqual(readdirSync(`${mille.root}/blobs/sha256`), [])
})

test('to the store and out of it', () => {
  assert.equal(copy(source(), 'store:local/mine:v1'), mine)
  assert.equal(mille.ok('inspect', '-f', '{{.Id}}', 'local/mine:v1'), images[0]?.manifest.config.digest)
  assert.equal(copy('store:local/mine:v1', `${to.host}/stored:v1`), mine)
  copy('--all', source(), 'store:local/all:v1')
  assert.equal(copy('--all', 'store:local/all:v1', `${to.host}/stored-all:v1`), index.descriptor.digest)
  assert.equal(copy('--platform', `linux/${foreign}`, 'store:local/all:v1', `oci:${folder}/out`), other)
  mille.ok('rmi', '-f', 'local/mine:v1', 'local/all:v1', source())
  assert.equal(mille.ok('images', '-aq'), '')
})

test('what cannot be copied says why', () => {
  writeFileSync(join(folder, 'no.tar'), Buffer.alloc(10_240))
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [`${from.host}/team/app:nope`, `${to.host}/x:v1`, /manifest for .*team\/app:nope not found/],
    ['oci:/nowhere', `${to.host}/x:v1`, /OCI layout \/nowhere: it has no index\.json/],
    [`archive:${folder}/nowhere.tar`, `${to.host}/x:v1`, /nowhere\.tar: no such file/],
    [`archive:${folder}/no.tar`, `${to.host}/x:v1`, /the archive is empty/],
    ['store:nope', `${to.host}/x:v1`, /No such image: nope/],
    ['store:a', 'store:b', /mille tag/],
    ['oci:', 'store:b', /names nothing behind its colon/],
    [source(), `archive:/nowhere/x.tar`, /\/nowhere\/x\.tar: no such file/],
  ]
  for (const [one, two, message] of cases) {
    const { code, err } = mille.run(['copy', one, two])
    assert.deepEqual([code, message.test(err)], [1, true], `${one} ${two}: ${err}`)
  }
})
