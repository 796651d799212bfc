import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { ChildProcess } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { pushImage, randomImage, type RandomImage } from '../support/random-image.ts'
import { startRegistryProxy, type ProxiedRequest, type RegistryProxy } from '../support/registry-proxy.ts'
import { startRegistry, type StartedRegistry } from '../support/start-registry.ts'
import { until } from '../support/until.ts'

// one layer is large enough to be cut in the middle, the other is done long before
const layerSize = 6_000_000
let registry: StartedRegistry
let proxy: RegistryProxy
let mille: TestMille
let image: RandomImage
let number = 0

before(async () => {
  registry = await startRegistry()
  proxy = await startRegistryProxy(registry.host)
})
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})
beforeEach(async () => {
  number += 1
  mille = testMille()
  image = randomImage({ seed: number, layers: 2, layerSize })
  await using client = createRegistryClient({})
  const repository = client.openRepository({ registry: registry.host, repository: name() })
  await pushImage(repository, image)
  await repository.tag(image.descriptor, 'latest')
  proxy.requests.length = 0
  proxy.onBody = (_, chunk) => chunk
  proxy.onRequest = () => false
})

const name = (): string => `image-${number}`
const reference = (): string => `${proxy.host}/${name()}`
const bigLayer = (): string => image.manifest.layers[1]?.digest ?? ''

function blobRequests(digest: string): ProxiedRequest[] {
  return proxy.requests.filter(({ method, path }) => method === 'GET' && path.endsWith(`/blobs/${digest}`))
}

/** Lets `limit` bytes of the large layer through, then nothing more on that connection. */
function stallAfter(limit: number): void {
  proxy.onBody = (seen, chunk) =>
    seen.path.endsWith(bigLayer()) && seen.sent >= limit ? new Promise<Buffer>(() => {}) : chunk
}

interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Never by spawnSync: proxy and registry live in this process. */
async function finish(child: ChildProcess): Promise<Run> {
  const [out, err, code] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 128))),
  ])
  return { code, out, err }
}

function run(args: readonly string[]): Promise<Run> {
  return finish(mille.start(...args))
}

async function ok(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await run(args)
  assert.equal(code, 0, `mille ${args.join(' ')}: ${out}${err}`)
  return out.trim()
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = finish(child)
  child.kill('SIGKILL')
  await ended
}

async function pulled(): Promise<void> {
  assert.equal((await run(['check'])).code, 0)
  assert.equal(await ok('images', '-q', '--no-trunc'), image.manifest.config.digest)
}

test('kill -9 in a download: nothing is listed, the next pull goes on with Range (B-PL-1, B-PL-14)', async () => {
  using _ = mille
  stallAfter(3_000_000)
  const child = mille.start('pull', reference())
  await until(() => (blobRequests(bigLayer())[0]?.sent ?? 0) >= 3_000_000)
  await until(() => blobRequests(image.manifest.layers[0]?.digest ?? '')[0] !== undefined)
  await until(() => unfinished().some(({ size }) => size >= 2_000_000))
  await kill(child)
  assert.equal(await ok('images', '-q'), '')
  proxy.onBody = (_seen, chunk) => chunk
  proxy.requests.length = 0
  await ok('pull', reference())
  const [again, ...more] = blobRequests(bigLayer())
  assert.equal(more.length, 0)
  const start = Number(/^bytes=(\d+)-$/.exec(again?.range ?? '')?.[1])
  assert(start >= 2_000_000, `went on at ${again?.range}`)
  // the layer that was complete is not asked for again
  assert.equal(blobRequests(image.manifest.layers[0]?.digest ?? '').length, 0)
  await pulled()
})

test('a killed pull fetches only what is missing, also after collections between; a prune gives all back (B-PL-15)', async () => {
  using _ = mille
  const [small, big] = image.manifest.layers.map(({ digest }) => digest)
  const total = image.manifest.layers.reduce((sum, { size }) => sum + size, 0)
  const killAt = async (limit: number): Promise<void> => {
    stallAfter(limit)
    const child = mille.start('pull', reference())
    await until(() => (blobRequests(bigLayer()).at(-1)?.sent ?? 0) >= limit)
    await until(() => unfinished().some(({ size }) => size >= limit - 1_000_000))
    // the small one is whole when the file it came in has become a blob
    await until(() => existsSync(`${mille.root}/blobs/sha256/${small?.slice(7) ?? ''}`))
    await kill(child)
    proxy.onBody = (_seen, chunk) => chunk
    proxy.requests.length = 0
  }
  const collect = async (): Promise<void> => {
    writeFileSync(`${mille.root}/empty.tar`, Buffer.alloc(10_240))
    await ok('import', `${mille.root}/empty.tar`, 'local/nothing')
    await ok('rmi', 'local/nothing')
  }
  await killAt(3_000_000)
  await collect()
  await ok('pull', reference())
  const fetched = [small, big].flatMap((digest) => blobRequests(digest ?? ''))
  assert.deepEqual(
    fetched.map(({ path }) => path.split('/').at(-1)),
    [big],
  )
  assert((fetched[0]?.sent ?? 0) <= total - 8_000_000, `fetched ${fetched[0]?.sent} of ${total} bytes`)
  await pulled()
  // needed by an image it is kept by that only
  await ok('rmi', reference())
  assert.deepEqual(readdirSync(`${mille.root}/blobs/sha256`), [])

  proxy.requests.length = 0
  await killAt(3_000_000)
  assert.match(await ok('image', 'prune', '-f'), /Total reclaimed space: (?:[89]|1\d)\.\d+MB/)
  await ok('pull', reference())
  assert.deepEqual(
    [small, big].map((digest) => blobRequests(digest ?? '').length),
    [1, 1],
  )
})

function unfinished(): { readonly name: string; readonly size: number }[] {
  const folder = `${mille.root}/ingest`
  return readdirSync(folder)
    .filter((name) => name.startsWith('key-'))
    .map((name) => ({ name, size: statSync(`${folder}/${name}`, { throwIfNoEntry: false })?.size ?? 0 }))
}

test('what a failed pull left is told by system df and freed by a prune (I5)', async () => {
  using _ = mille
  const partials = async (): Promise<string | undefined> =>
    (await ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Active}} {{.Reclaimable}}'))
      .split('\n')
      .find((line) => line.startsWith('Partial Downloads'))
  for (const prune of [
    ['image', 'prune', '-f'],
    ['system', 'prune', '-f'],
  ]) {
    assert.equal(await partials(), undefined)
    stallAfter(3_000_000)
    const child = mille.start('pull', reference())
    await until(() => (blobRequests(bigLayer()).at(-1)?.sent ?? 0) >= 3_000_000)
    await until(() => unfinished().some(({ size }) => size > 0))
    assert.match((await partials()) ?? '', /^Partial Downloads \d+ [1-9]/)
    await kill(child)
    assert.match((await partials()) ?? '', /^Partial Downloads [1-9]\d* 0 .* \(100%\)$/)
    assert.match(await ok(...prune), /Total reclaimed space: [1-9]/)
    assert.deepEqual(unfinished(), [])
    proxy.requests.length = 0
  }
  proxy.onBody = (_seen, chunk) => chunk
  await ok('pull', reference())
  await pulled()
})

test('a connection that breaks is resumed by the same pull (B-PL-1)', async () => {
  using _ = mille
  let breaks = 3
  proxy.onBody = (seen, chunk) =>
    seen.path.endsWith(bigLayer()) && seen.sent >= 1_200_000 && breaks-- > 0 ? undefined : chunk
  await ok('pull', reference())
  assert.equal(blobRequests(bigLayer()).length, 4)
  await pulled()
})

test('a registry that asks for a pause: it is told and kept (B-PL-4)', async () => {
  using _ = mille
  let asked = 0
  proxy.onRequest = ({ url = '' }, response) => {
    if (!url.includes('/manifests/') || asked++ > 0) return false
    response.writeHead(429, { 'retry-after': '1' }).end()
    return true
  }
  const { code, err } = await run(['pull', reference()])
  assert.equal(code, 0, err)
  assert.equal(err, `WARNING: rate limited by ${proxy.host}, waiting 1 s\n`)
  await pulled()
})

test('wrong bytes are fetched once more, then refused with both digests and the host (B-PL-3)', async () => {
  using _ = mille
  let wrong = 1
  proxy.onBody = (seen, chunk) => {
    if (!seen.path.endsWith(bigLayer()) || seen.sent > 0 || wrong-- <= 0) return chunk
    return Buffer.concat([Buffer.from([chunk[0] === 0 ? 1 : 0]), chunk.subarray(1)])
  }
  await ok('pull', reference())
  assert.equal(blobRequests(bigLayer()).length, 2)
  await pulled()
  await ok('rmi', reference())
  wrong = 100
  const { code, err } = await run(['pull', reference()])
  assert.equal(code, 1)
  assert.match(err, new RegExp(`${bigLayer()}.*sha256:[0-9a-f]{64}.*${proxy.host}`))
  assert.equal(await ok('images', '-q'), '')
})

test('two pulls at once fetch each layer once; when the first is killed the second takes over (B-PL-12)', async () => {
  using _ = mille
  stallAfter(2_000_000)
  const first = mille.start('pull', reference())
  await until(() => (blobRequests(bigLayer())[0]?.sent ?? 0) >= 2_000_000)
  const second = mille.start('pull', reference())
  const output: string[] = []
  second.stdout?.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  await until(() => output.join('').includes('Waiting'))
  proxy.onBody = (_seen, chunk) => chunk
  const ended = finish(second)
  await kill(first)
  assert.equal((await ended).code, 0, output.join(''))
  assert.match(blobRequests(bigLayer()).at(-1)?.range ?? '', /^bytes=\d{7,}-$/)
  await pulled()
})

test('two pulls at once, both live', async () => {
  using _ = mille
  const children = [mille.start('pull', reference()), mille.start('pull', reference())]
  const ended = await Promise.all(children.map(finish))
  assert.deepEqual(
    ended.map(({ code, err }) => [code, err]),
    [
      [0, ''],
      [0, ''],
    ],
  )
  for (const { digest } of image.manifest.layers) assert.equal(blobRequests(digest).length, 1)
  await pulled()
})

test('prune and rmi while pulling take nothing away (B-PL-13)', async () => {
  using _ = mille
  await ok('pull', reference())
  await ok('rmi', reference())
  stallAfter(1_000_000)
  const child = mille.start('pull', reference())
  await until(() => (blobRequests(bigLayer()).at(-1)?.sent ?? 0) >= 1_000_000)
  await sleep(200)
  await ok('system', 'prune', '-af')
  proxy.onBody = (_seen, chunk) => chunk
  await kill(child)
  const all = [['pull', reference()], ...Array.from({ length: 3 }, () => ['image', 'prune', '-f'])]
  for (const { code, err } of await Promise.all(all.map(run))) assert.equal(code, 0, err)
  assert.equal((await run(['check'])).code, 0)
})

test('a registry that says it mounted a blob it does not have gets it uploaded (B-PS-5)', async () => {
  using _ = mille
  await ok('pull', reference())
  await ok('tag', reference(), `${proxy.host}/lies-${number}`)
  proxy.onRequest = ({ method, url = '' }, response) => {
    if (method !== 'POST' || !url.includes('mount=')) return false
    const digest = /mount=([^&]+)/.exec(url)?.[1] ?? ''
    response.writeHead(201, { location: `/v2/lies-${number}/blobs/${digest}` }).end()
    return true
  }
  const out = await ok('push', `${proxy.host}/lies-${number}`)
  assert.match(out, new RegExp(`latest: digest: ${image.descriptor.digest} `))
  await ok('rmi', `${proxy.host}/lies-${number}`, reference())
  await ok('pull', `${proxy.host}/lies-${number}`)
  await pulled()
})

test('a damaged local blob never reaches the registry under its name (B-PS-7)', async () => {
  using _ = mille
  await ok('pull', reference())
  await ok('tag', reference(), `${proxy.host}/damaged-${number}`)
  const path = `${mille.root}/blobs/sha256/${bigLayer().slice(7)}`
  const bytes = readFileSync(path)
  bytes[1000] = (bytes[1000] ?? 0) ^ 1
  writeFileSync(path, bytes)
  // without mounting, so that the bytes have to leave
  proxy.onRequest = ({ url = '' }, response) => {
    if (!url.includes('mount=')) return false
    response.writeHead(404).end()
    return true
  }
  const { code, err } = await run(['push', `${proxy.host}/damaged-${number}`])
  assert.equal(code, 1, err)
  const manifests = proxy.requests.filter(
    ({ method, path: at }) => method === 'PUT' && at.includes('/manifests/'),
  )
  assert.deepEqual(manifests, [])
})
