import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { canonicalJson } from '../../src/oci/canonical-json.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestHex, sha256, type Digest } from '../../src/oci/digest.ts'
import type { Manifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { readText } from '../../src/util/read-text.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { pushImage, randomImage } from '../support/random-image.ts'
import { scriptedServer } from '../support/scripted-server.ts'
import { serveRegistry } from '../support/serve-registry.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let mille: TestMille
let debian: DockerRegistry
let own: string
let folder: string
const image = randomImage({ seed: 110 })

before(async () => {
  mille = testMille()
  debian = await startDockerRegistry()
  own = (await serveRegistry(mille, '--address', '127.0.0.1:0')).host
  folder = mkdtempSync(join(tmpdir(), 'mille-artifacts-'))
  writeFileSync(join(folder, 'sbom.json'), '{"packages":[]}')
  writeFileSync(join(folder, 'notes.txt'), 'read me')
})
after(async () => {
  mille[Symbol.dispose]()
  await debian[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})
const file = (name: string): string => join(folder, name)

function raw(name: string): Manifest {
  const args = ['inspect', '--raw', '--tls-verify=false', `docker://${name}`]
  return JSON.parse(execFileSync('skopeo', args).toString()) as Manifest
}

for (const which of ['debian', 'own'] as const) {
  const host = (): string => (which === 'debian' ? debian.host : own)

  test(`${which}: artifact push and pull: the files come back, the same files are the same digest (C21)`, () => {
    const name = `${host()}/files:v1`
    const push = (): string =>
      mille.ok(
        'artifact',
        'push',
        '--artifact-type',
        'text/notes',
        name,
        `${file('sbom.json')}:application/json`,
        file('notes.txt'),
      )
    const said = push()
    assert.match(said, /files:v1: digest: sha256:[0-9a-f]{64} size: \d+$/)
    assert.equal(push(), said)
    const { artifactType, config, layers } = raw(name)
    assert.deepEqual([artifactType, config.mediaType], ['text/notes', mediaTypes.ociEmpty])
    assert.deepEqual(
      layers.map(({ mediaType }) => mediaType),
      ['application/json', 'application/octet-stream'],
    )
    const output = join(folder, which)
    assert.equal(mille.ok('artifact', 'pull', '-o', output, name), `${output}/sbom.json\n${output}/notes.txt`)
    for (const one of ['sbom.json', 'notes.txt'])
      assert.equal(readText(join(output, one)), readText(file(one)))
    assert.deepEqual(readdirSync(output).sort(), ['notes.txt', 'sbom.json'])
  })

  test(`${which}: attach and discover: what is attached is found by the image (D14)`, async () => {
    const name = `${host()}/attached:v1`
    await using client = createRegistryClient()
    const repository = client.openRepository({ registry: host(), repository: 'attached' })
    await pushImage(repository, image)
    await repository.tag(image.descriptor, 'v1')
    assert.equal(mille.ok('artifact', 'discover', '-q', name), '')
    const sbom = mille.ok(
      'artifact',
      'attach',
      '--artifact-type',
      'test/sbom',
      '--annotation',
      'by=me',
      name,
      file('sbom.json'),
    )
    const notes = mille.ok('artifact', 'attach', name, file('notes.txt'))
    // the same again is the same
    assert.equal(mille.ok('artifact', 'attach', name, file('notes.txt')), notes)
    const found = mille.ok(
      'artifact',
      'discover',
      '--format',
      '{{.Digest}} {{.ArtifactType}} {{json .Annotations}}',
      name,
    )
    assert.deepEqual(found.split('\n').sort(), [
      ...[`${sbom} test/sbom {"by":"me"}`, `${notes} application/vnd.unknown.artifact.v1 {}`].sort(),
    ])
    assert.equal(mille.ok('artifact', 'discover', '-q', '--artifact-type', 'test/sbom', name), sbom)
    assert.deepEqual(raw(`${host()}/attached@${sbom}`).subject, image.descriptor)
    const tags = await Array.fromAsync(repository.tags())
    const fallback = `sha256-${digestHex(image.descriptor.digest)}`
    if (which === 'debian') assert.ok(tags.includes(fallback))
  })
}

test('a registry with the referrers API is asked page by page, and gets no tag for it (D14)', async () => {
  const entry = (seed: number, artifactType: string): Descriptor => ({
    ...randomImage({ seed }).descriptor,
    artifactType,
  })
  const entries = [entry(1, 'a/a'), entry(2, 'b/b'), entry(3, 'a/a')]
  await using server = await scriptedServer((request, response) => {
    if (request.method === 'PUT') return void response.writeHead(201, { 'oci-subject': 'x' }).end()
    const isFirst = !request.url?.includes('page=2')
    const manifests = isFirst ? entries.slice(0, 2) : entries.slice(2)
    const next = isFirst ? { link: '<?page=2>; rel="next"' } : {}
    response.writeHead(200, { 'content-type': mediaTypes.ociIndex, ...next })
    response.end(canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))
  })
  await using client = createRegistryClient({ attempts: 1 })
  const repository = client.openRepository({ registry: server.host, repository: 'app' })
  const subject = image.descriptor
  assert.deepEqual(await Array.fromAsync(repository.referrers(subject.digest)), entries)
  const some = await Array.fromAsync(repository.referrers(subject.digest, { artifactType: 'a/a' }))
  assert.deepEqual(some, [entries[0], entries[2]])
  assert.match(
    server.requests[2]?.url ?? '',
    /\/v2\/app\/referrers\/sha256:[0-9a-f]{64}\?artifactType=a%2Fa$/,
  )
  server.requests.length = 0
  const raw = canonicalJson({ ...image.manifest, subject })
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: sha256(raw), size: raw.length }
  await repository.push(descriptor, Readable.from([raw]))
  assert.deepEqual(
    server.requests.map(({ method }) => method),
    ['PUT'],
  )
})

test('artifact pull: a name that leads elsewhere is refused before anything is written', async () => {
  await using client = createRegistryClient()
  const repository = client.openRepository({ registry: debian.host, repository: 'evil' })
  const bytes = Buffer.from('evil')
  const blob = { mediaType: 'text/plain', digest: sha256(bytes), size: bytes.length }
  await repository.push(blob, Readable.from([bytes]))
  const outside = join(folder, 'outside')
  mkdirSync(outside)
  const target = join(folder, 'target')
  mkdirSync(target)
  symlinkSync(outside, join(target, 'link'))
  symlinkSync(join(outside, 'final'), join(target, 'final'))
  const pull = async (...titles: readonly string[]): Promise<{ code: number; err: string }> => {
    const layers = titles.map((title) => ({
      ...blob,
      annotations: { 'org.opencontainers.image.title': title },
    }))
    const manifest = canonicalJson({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: blob,
      layers,
    })
    const digest: Digest = sha256(manifest)
    await repository.push(
      { mediaType: mediaTypes.ociManifest, digest, size: manifest.length },
      Readable.from([manifest]),
    )
    return mille.run(['artifact', 'pull', '-o', target, `${debian.host}/evil@${digest}`])
  }
  for (const title of ['../outside/x', '/etc/x', 'a/../../outside/x', '.', '', 'a//b', 'link/x', 'x\n']) {
    const { code, err } = await pull('good', title)
    assert.equal(code, 1, title)
    assert.match(err, /artifact: /, title)
  }
  assert.deepEqual(readdirSync(target).sort(), ['final', 'link'])
  // a link in the place of the file is replaced, not followed
  assert.equal((await pull('final', 'sub/folder/file')).code, 0)
  assert.equal(readText(join(target, 'final')), 'evil')
  assert.equal(readText(join(target, 'sub/folder/file')), 'evil')
  assert.ok(!existsSync(join(outside, 'final')))
})
