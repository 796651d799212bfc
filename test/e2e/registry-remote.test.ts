import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { pushImage, randomImage, randomIndex } from '../support/random-image.ts'
import { Readable } from 'node:stream'
import { scriptedServer } from '../support/scripted-server.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let mille: TestMille
let registry: DockerRegistry
const platforms = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64', variant: 'v8' },
]
const images = platforms.map((platform, at) => randomImage({ seed: 90 + at, platform }))
const index = randomIndex(images)

before(async () => {
  mille = testMille()
  registry = await startDockerRegistry()
  await using client = createRegistryClient()
  const repository = client.openRepository({ registry: registry.host, repository: 'team/app' })
  for (const image of images) await pushImage(repository, image)
  await repository.push(index.descriptor, Readable.from([index.bytes]))
  for (const tag of ['1.0', 'v1.2', '1.10.1', '2.0', 'latest', '1.2-rc1'])
    await repository.tag(index.descriptor, tag)
})
after(async () => {
  mille[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
})
const at = (tag: string): string => `${registry.host}/team/app:${tag}`

test('tags: all as the registry has them, or versions of a range in their order (C22)', () => {
  const name = `${registry.host}/team/app`
  assert.deepEqual(mille.ok('tags', name).split('\n').sort(), [
    '1.0',
    '1.10.1',
    '1.2-rc1',
    '2.0',
    'latest',
    'v1.2',
  ])
  assert.equal(mille.ok('tags', '--filter', '^1', name), '1.0\nv1.2\n1.10.1')
  assert.equal(mille.ok('tags', '--filter', '>=1.2', '--limit', '1', name), '2.0')
  const wrong = mille.run(['tags', '--filter', 'new', name])
  assert.equal(wrong.code, 125)
  assert.match(wrong.err, /invalid argument "new" for "-f, --filter" flag: "new" is no version/)
  assert.match(mille.run(['tags', `${registry.host}/nope`]).err, /repository nope not found/)
})

test('image inspect --remote: what the registry has, for either platform; nothing is pulled (C22)', () => {
  const inspect = (...flags: readonly string[]): string =>
    mille.ok(
      'image',
      'inspect',
      '--remote',
      ...flags,
      '-f',
      '{{.Id}} {{.Architecture}} {{.RepoDigests}}',
      at('1.0'),
    )
  const digest = `[${registry.host}/team/app@${index.descriptor.digest}]`
  for (const [order, { architecture }] of platforms.entries()) {
    const id = images[order]?.manifest.config.digest
    assert.equal(inspect('--platform', `linux/${architecture}`), `${id} ${architecture} ${digest}`)
  }
  assert.equal(mille.ok('images', '-aq'), '')
  assert.equal(mille.run(['image', 'inspect', '--remote', at('nope')]).code, 1)
})

test('manifest add: an image, all of a list, and what is said about them (C20)', () => {
  const list = at('made')
  const digests = images.map(({ descriptor }) => `${registry.host}/team/app@${descriptor.digest}`)
  assert.match(mille.run(['manifest', 'add', list, digests[0] ?? '']).err, /No such manifest/)
  mille.ok('manifest', 'create', list, digests[0] ?? '')
  assert.match(mille.run(['manifest', 'add', list, at('1.0')]).err, /is a manifest list/)
  mille.ok('manifest', 'add', '--all', list, at('1.0'))
  mille.ok('manifest', 'add', '--os-version', '7', '--annotation', 'a=b=c', list, digests[1] ?? '')
  mille.ok('manifest', 'push', '--purge', list)
  const { manifests } = JSON.parse(mille.ok('manifest', 'inspect', list)) as {
    readonly manifests: readonly { readonly platform: unknown; readonly annotations?: unknown }[]
  }
  assert.deepEqual(
    manifests.map(({ platform, annotations }) => [platform, annotations]),
    [
      [{ architecture: 'amd64', os: 'linux' }, undefined],
      [{ architecture: 'arm64', os: 'linux', 'os.version': '7' }, { a: 'b=c' }],
    ],
  )
})

test('search: names of the catalog where a registry has no search', () => {
  assert.equal(mille.ok('search', '--format', '{{.Name}}', `${registry.host}/app`), 'team/app')
  assert.equal(mille.ok('search', '--format', '{{.Name}}', `${registry.host}/nothing`), '')
})

test('search: what a registry answers is read, and no more than that (A55)', async () => {
  let body = JSON.stringify({
    results: [
      { name: 'a', star_count: 5, is_official: true, description: 'x', is_automated: true },
      { name: 'b' },
    ],
  })
  await using server = await scriptedServer((_, response) => void response.end(body))
  await using client = createRegistryClient({ attempts: 1 })
  const search = (): ReturnType<typeof client.search> => client.search(server.host, 'a b&c', { limit: 10 })
  assert.deepEqual(await search(), [
    { name: 'a', stars: 5, isOfficial: true, description: 'x' },
    { name: 'b', stars: 0, isOfficial: false, description: '' },
  ])
  assert.equal(server.requests[0]?.url, '/v1/search?q=a+b%26c&n=10')
  for (const wrong of ['{}', 'null', '{"results":[{}]}', '{"results":[null]}']) {
    body = wrong
    await assert.rejects(search(), { code: 'REGISTRY_ANSWER_INVALID' }, wrong)
  }
})
