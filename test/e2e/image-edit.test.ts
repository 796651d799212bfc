import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Readable } from 'node:stream'
import { canonicalJson } from '../../src/oci/canonical-json.ts'
import type { ImageConfig } from '../../src/oci/config.ts'
import { hostPlatform } from '../../src/oci/platform.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { pushImage, randomImage, randomIndex } from '../support/random-image.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let mille: TestMille
let registry: DockerRegistry
const images = [hostPlatform(), { os: 'linux', architecture: 's390x' }].map((platform, at) =>
  randomImage({ seed: 400 + at, platform }),
)
const index = randomIndex(images)

before(async () => {
  mille = testMille()
  registry = await startDockerRegistry()
  await using client = createRegistryClient()
  const repository = client.openRepository({ registry: registry.host, repository: 'app' })
  for (const image of images) await pushImage(repository, image)
  await repository.push(index.descriptor, Readable.from([index.bytes]))
  await repository.tag(index.descriptor, 'all')
  await repository.tag(images[0]!.descriptor, 'one')
})
after(async () => {
  mille[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
})
const at = (name: string): string => `${registry.host}/${name}`

interface Inspected {
  readonly Id: string
  readonly Config: ImageConfig['config']
  readonly RootFS: { readonly Layers: readonly string[] }
}
const inspect = (name: string, ...flags: readonly string[]): Inspected =>
  (JSON.parse(mille.ok('image', 'inspect', '--remote', ...flags, name)) as [Inspected])[0]

test('label, env, command, user, folder, ports: config and manifest are new, layers are the same (C23)', () => {
  const changes = [
    'LABEL a="b c"',
    'ENV X=1',
    'CMD ["run","it"]',
    'ENTRYPOINT ["/go"]',
    'USER 7',
    'WORKDIR /w',
    'EXPOSE 80',
  ]
  const edit = (...args: readonly string[]): string =>
    mille.ok('image', 'edit', ...changes.flatMap((change) => ['-c', change]), ...args)
  const before = inspect(at('app:one'))
  const said = edit('--annotation', 'by=me', '-t', at('app:edited'), at('app:one'))
  assert.match(said, /app:edited: digest: sha256:[0-9a-f]{64} size: \d+$/)
  const { Config, RootFS, Id } = inspect(at('app:edited'))
  assert.deepEqual(
    [Config?.Labels, Config?.Env?.at(-1), Config?.Cmd, Config?.Entrypoint, Config?.User, Config?.WorkingDir],
    [{ a: 'b c' }, 'X=1', ['run', 'it'], ['/go'], '7', '/w'],
  )
  assert.deepEqual(Config?.ExposedPorts, { '80/tcp': {} })
  assert.deepEqual(RootFS.Layers, before.RootFS.Layers)
  assert.deepEqual(inspect(at('app:one')), before)
  const manifest = JSON.parse(
    mille.ok('manifest', 'inspect', at('app:edited')),
  ) as (typeof images)[0]['manifest']
  assert.deepEqual([manifest.annotations, manifest.layers], [{ by: 'me' }, images[0]?.manifest.layers])
  // the same edit is the same image, in another repository too, whose layers are taken over
  edit('--annotation', 'by=me', '-t', at('else/where:v1'), at('app:one'))
  assert.equal(inspect(at('else/where:v1')).Id, Id)
  mille.ok('pull', '-q', at('else/where:v1'))
  assert.equal(mille.ok('inspect', '-f', '{{.Id}}', at('else/where:v1')), Id)
})

test('of a list every image; the default is the same name', () => {
  mille.ok('image', 'edit', '-c', 'LABEL all=yes', at('app:all'))
  for (const { architecture } of images.map(({ config }) => config)) {
    const { Config } = inspect(at('app:all'), '--platform', `linux/${architecture}`)
    assert.deepEqual(Config?.Labels, { all: 'yes' })
  }
})

test('fields that mille does not know stay; what cannot be edited says why', async () => {
  await using client = createRegistryClient()
  const repository = client.openRepository({ registry: registry.host, repository: 'app' })
  const image = randomImage({ seed: 410 })
  await pushImage(repository, image)
  const raw = canonicalJson({ ...image.manifest, 'x-own': [1, 2] })
  const { sha256 } = await import('../../src/oci/digest.ts')
  const descriptor = { ...image.descriptor, digest: sha256(raw), size: raw.length }
  await repository.push(descriptor, Readable.from([raw]))
  await repository.tag(descriptor, 'own')
  mille.ok('image', 'edit', '-c', 'LABEL a=b', at('app:own'))
  const edited = JSON.parse(mille.ok('manifest', 'inspect', at('app:own'))) as Readonly<
    Record<string, unknown>
  >
  assert.deepEqual(edited['x-own'], [1, 2])
  for (const [args, message] of [
    [[at('app:own')], /nothing to change/],
    [['-c', 'RUN x', at('app:own')], /RUN is not a valid change command/],
    [['-c', 'LABEL a=b', `${at('app')}@${descriptor.digest}`], /name a tag/],
    [['-c', 'LABEL a=b', at('app:nope')], /manifest unknown/],
  ] as const)
    assert.match(mille.run(['image', 'edit', ...args]).err, message)
})
