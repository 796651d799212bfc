import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, beforeEach, suite, test } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { parseRegistriesFile } from '../../src/registry/config/registries-file.ts'
import type { Login, RegistryClient, Repository } from '../../src/registry/repository.ts'
import { pushImage, randomImage, type RandomImage } from '../support/random-image.ts'
import { scriptedServer, type ScriptedServer } from '../support/scripted-server.ts'
import { startRegistryProxy, type RegistryProxy } from '../support/registry-proxy.ts'
import { startRegistry, type StartedRegistry } from '../support/start-registry.ts'

const image: RandomImage = randomImage({ seed: 70, layers: 1, layerSize: 3_000_000 })
const layer = image.manifest.layers[0] as Descriptor
const layerBytes = image.blobs.find(({ descriptor }) => descriptor.digest === layer.digest)?.bytes as Buffer

suite('mirrors (D07, B-PL-18)', async () => {
  const registry: StartedRegistry = await startRegistry()
  const upstream: RegistryProxy = await startRegistryProxy(registry.host)
  const mirrorHome: StartedRegistry = await startRegistry()
  const mirror: RegistryProxy = await startRegistryProxy(mirrorHome.host)
  const stops: AsyncDisposable[] = [upstream, registry, mirror, mirrorHome]
  await using filler = createRegistryClient()
  for (const [host, repository] of [
    [registry.host, 'team/app'],
    [mirrorHome.host, 'cache/team/app'],
  ] as const) {
    const target = filler.openRepository({ registry: host, repository })
    await pushImage(target, image)
    await target.tag(image.descriptor, 'v1')
  }

  beforeEach(() => {
    for (const proxy of [upstream, mirror]) {
      proxy.requests.length = 0
      proxy.onBody = (_, chunk) => chunk
      proxy.onRequest = () => false
    }
  })
  after(async () => {
    for (const stop of stops) await stop[Symbol.asyncDispose]()
  })

  interface Opened extends AsyncDisposable {
    readonly repository: Repository
    readonly client: RegistryClient
    readonly warnings: string[]
  }
  function open(
    mirrors: readonly unknown[],
    more: { blocked?: readonly string[]; login?: Login } = {},
  ): Opened {
    const { blocked = [], login } = more
    const file = JSON.stringify({ mirrors: { [upstream.host]: mirrors }, blocked })
    const warnings: string[] = []
    const client = createRegistryClient({
      retryDelay: 1,
      rules: parseRegistriesFile(Buffer.from(file), 'test'),
      onWarning: (text) => warnings.push(text),
      ...(login && { logins: { find: async (host) => (host === upstream.host ? login : undefined) } }),
    })
    const repository = client.openRepository({ registry: upstream.host, repository: 'team/app' })
    return { repository, client, warnings, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() }
  }
  const good = `http://${mirror.host}/cache`
  const asked = (proxy: RegistryProxy): string[] =>
    proxy.requests.filter(({ path }) => path !== '/v2/').map(({ method, path }) => `${method} ${path}`)
  const read = async (repository: Repository): Promise<Buffer> => {
    assert.deepEqual(await repository.resolve('v1'), image.descriptor)
    await buffer(await repository.fetch(image.descriptor))
    return await buffer(await repository.fetch(layer))
  }

  test('everything comes from the mirror, which is told whose repository it is', async () => {
    await using opened = open([good])
    assert.deepEqual(await read(opened.repository), layerBytes)
    assert.deepEqual(asked(upstream), [])
    const ns = `?ns=${encodeURIComponent(upstream.host)}`
    assert.deepEqual(asked(mirror), [
      `HEAD /v2/cache/team/app/manifests/v1${ns}`,
      `GET /v2/cache/team/app/manifests/${image.descriptor.digest}${ns}`,
      `GET /v2/cache/team/app/blobs/${layer.digest}${ns}`,
    ])
  })

  test('a dead mirror is passed over, told once, and not asked again', async () => {
    await using opened = open(['http://127.0.0.1:1', good])
    await read(opened.repository)
    assert.equal(opened.warnings.length, 1)
    assert.match(opened.warnings[0] ?? '', /^mirror 127\.0\.0\.1:1 is passed over: cannot reach registry/)
    assert.deepEqual(asked(upstream), [])
  })

  test('a stale mirror: the manifest is there, the blob is not', async () => {
    await using opened = open([good])
    mirror.onRequest = (request, response) => {
      if (!request.url?.includes('/blobs/')) return false
      response.writeHead(404).end()
      return true
    }
    assert.deepEqual(await read(opened.repository), layerBytes)
    assert.deepEqual(asked(upstream), [`GET /v2/team/app/blobs/${layer.digest}`])
    assert.deepEqual(opened.warnings, [])
  })

  test('a mirror for digests only is not asked what a tag means', async () => {
    await using opened = open([{ url: good, pull: 'digest' }])
    await read(opened.repository)
    assert.deepEqual(asked(upstream), ['HEAD /v2/team/app/manifests/v1'])
    assert.equal(asked(mirror).length, 2)
  })

  test('a mirror that breaks in the middle: the registry goes on from that byte', async () => {
    await using opened = open([good])
    mirror.onBody = (seen, chunk) =>
      seen.path.includes('/blobs/') && (seen.sent > 1_000_000 || seen.range !== undefined) ? undefined : chunk
    assert.deepEqual(await buffer(await opened.repository.fetch(layer)), layerBytes)
    const [rest] = upstream.requests.filter(({ path }) => path.includes('/blobs/'))
    const start = Number(/^bytes=(\d+)-$/.exec(rest?.range ?? '')?.[1])
    assert.ok(start > 1_000_000, rest?.range)
    assert.equal(rest?.sent, layerBytes.length - start)
  })

  test('wrong bytes of a mirror: the next try is somebody else’s (B-PL-3)', async () => {
    await using opened = open([good])
    mirror.onBody = (seen, chunk) => (seen.path.includes('/blobs/') ? Buffer.alloc(chunk.length) : chunk)
    await assert.rejects(buffer(await opened.repository.fetch(layer)), { code: 'BLOB_DIGEST_MISMATCH' })
    assert.deepEqual(await buffer(await opened.repository.fetch(layer)), layerBytes)
    assert.equal(asked(upstream).length, 1)
  })

  test('a manifest that is not what its digest says is taken elsewhere', async () => {
    await using opened = open([good])
    mirror.onBody = (seen, chunk) =>
      seen.path.includes('/manifests/') ? Buffer.alloc(chunk.length, 32) : chunk
    assert.equal(
      (await buffer(await opened.repository.fetch(image.descriptor))).length,
      image.descriptor.size,
    )
    assert.equal(opened.warnings.length, 1)
  })

  test('what is said of an image and the mirror does not know is asked of the registry', async () => {
    const { digest } = image.descriptor
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }),
    )
    const referrer = { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), size: bytes.length }
    await registry.storage.putManifest('team/app', {
      ...referrer,
      bytes,
      blobs: [],
      referrer: { subject: digest, descriptor: referrer },
    })
    await using opened = open([good])
    const found = await Array.fromAsync(opened.repository.referrers(digest))
    assert.deepEqual(
      found.map((one) => one.digest),
      [referrer.digest],
    )
    await using blocked = open([good], { blocked: [upstream.host] })
    assert.deepEqual(await Array.fromAsync(blocked.repository.referrers(digest)), [])
  })

  test('nothing is ever written to a mirror', async () => {
    await using opened = open([good])
    const other = randomImage({ seed: 71 })
    await pushImage(opened.repository, other)
    await opened.repository.tag(other.descriptor, 'v2')
    assert.deepEqual(await Array.fromAsync(opened.repository.tags()), ['v1', 'v2'])
    assert.deepEqual(asked(mirror), [])
    await buffer(await opened.repository.fetch(other.descriptor))
  })

  test('a blocked registry is never asked; its mirrors are', async () => {
    const blocked = [upstream.host]
    await using opened = open([good], { blocked })
    assert.deepEqual(await read(opened.repository), layerBytes)
    const push = opened.repository.push(layer, Readable.from([layerBytes]))
    await assert.rejects(push, { code: 'REGISTRY_BLOCKED' })
    await assert.rejects(opened.repository.resolve('v9'), {
      code: 'REGISTRY_BLOCKED',
      message: /only its mirrors may be asked \(mirror .*manifest unknown/,
    })
    assert.throws(() => open([], { blocked }), { code: 'REGISTRY_BLOCKED', message: /and it has none/ })
    assert.deepEqual(upstream.requests, [])
  })

  test('a mirror never gets the login of the registry it stands for (C-W3)', async () => {
    const secret = Buffer.from('me:s3cret').toString('base64')
    const seen: (string | undefined)[] = []
    const wants = (request: IncomingMessage, response: ServerResponse): void => {
      seen.push(request.headers.authorization)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    }
    await using greedy: ScriptedServer = await scriptedServer(wants)
    await using opened = open([greedy.url], { login: { username: 'me', password: 's3cret' } })
    upstream.onRequest = (request, response) => {
      if (request.url === '/v2/' || request.headers.authorization === `Basic ${secret}`) return false
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    }
    assert.deepEqual(await read(opened.repository), layerBytes)
    assert.ok(seen.length > 0)
    assert.deepEqual(new Set(seen), new Set([undefined]))
    assert.match(opened.warnings.join('\n'), /is passed over: unauthorized: .*mille login 127\.0\.0\.1/)
  })
})
