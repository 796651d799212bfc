import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import type { FetchOptions, RegistryClientOptions } from '../../src/registry/repository.ts'
import { randomBytes } from '../support/random-image.ts'
import { scriptedServer } from '../support/scripted-server.ts'
import type { ScriptedServer } from '../support/scripted-server.ts'

const bytes = randomBytes(7, 300_000)
const blob: Descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: sha256(bytes), size: bytes.length }
const quick: RegistryClientOptions = { retryDelay: 1, stallTimeout: 300, connectTimeout: 1000 }

async function fetchBlob(
  server: ScriptedServer,
  options: FetchOptions = {},
  settings: RegistryClientOptions = quick,
): Promise<Buffer> {
  await using client = createRegistryClient(settings)
  const repository = client.openRepository({ registry: server.host, repository: 'app' })
  return await buffer(await repository.fetch(blob, options))
}

const rangeOf = (request: IncomingMessage): number =>
  Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)

type Cut = (response: ServerResponse) => void
const fin: Cut = (response) => response.destroy()
const rst: Cut = (response) => response.socket?.resetAndDestroy()

/** Sends the blob from `start` on, but cuts the connection before byte `end`. */
function sendCut(response: ServerResponse, start: number, end: number, cut: Cut = fin): void {
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': bytes.length - start,
    ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  })
  response.write(bytes.subarray(start, end), () => (end < bytes.length ? cut(response) : response.end()))
}

suite('a blob download (B-PL)', () => {
  for (const cut of [0, 1, 65_536, 299_999]) {
    test(`cut at byte ${cut} is resumed with Range`, async () => {
      await using server = await scriptedServer((request, response, count) => {
        sendCut(response, rangeOf(request), count === 1 ? cut : bytes.length)
      })
      assert.deepEqual(await fetchBlob(server), bytes)
      assert.equal(server.requests.length, 2)
      assert.equal(server.requests[1]?.headers.range, cut === 0 ? undefined : `bytes=${cut}-`)
    })
  }

  test('a server without Range starts again, and nothing is appended twice', async () => {
    await using server = await scriptedServer((_, response, count) => {
      sendCut(response, 0, count === 1 ? 100_000 : bytes.length)
    })
    assert.deepEqual(await fetchBlob(server), bytes)
  })

  test('a Content-Range that was not asked for is not used', async () => {
    await using server = await scriptedServer((request, response, count) => {
      if (count === 1) return sendCut(response, 0, 100_000)
      if (request.headers.range === undefined) return sendCut(response, 0, bytes.length)
      response.writeHead(206, { 'content-range': `bytes 5-${bytes.length - 1}/${bytes.length}` })
      response.end(bytes.subarray(5))
    })
    assert.deepEqual(await fetchBlob(server), bytes)
  })

  test('an offset continues an earlier download', async () => {
    await using server = await scriptedServer((request, response) => {
      sendCut(response, rangeOf(request), bytes.length)
    })
    assert.deepEqual(await fetchBlob(server, { offset: 123_456 }), bytes.subarray(123_456))
    assert.equal(server.requests[0]?.headers.range, 'bytes=123456-')
  })

  for (const [how, cut] of [['ended', fin] as const, ['reset', rst] as const]) {
    test(`${how} again and again is resumed as long as something comes`, async () => {
      await using server = await scriptedServer((request, response) => {
        const start = rangeOf(request)
        sendCut(response, start, Math.min(start + 30_000, bytes.length), cut)
      })
      assert.deepEqual(await fetchBlob(server), bytes)
      assert.ok(server.requests.length >= 10, 'more tries than those that are made without progress')
    })
  }

  test('crumbs again and again: an error in bounded time that names the host', async () => {
    await using server = await scriptedServer((request, response) => {
      sendCut(response, rangeOf(request), rangeOf(request) + 10)
    })
    await assert.rejects(fetchBlob(server), { code: 'REGISTRY_UNREACHABLE' })
    assert.equal(server.requests.length, 50)
  })

  test('cut again and again without a byte: an error after five tries that names the host', async () => {
    await using server = await scriptedServer((_, response) => {
      sendCut(response, 0, 0)
    })
    await assert.rejects(fetchBlob(server), {
      code: 'REGISTRY_UNREACHABLE',
      message: new RegExp(server.host),
    })
    assert.equal(server.requests.length, 5)
  })

  test('a server that falls silent is left after the stall limit, and tried again', async () => {
    await using server = await scriptedServer((request, response, count) => {
      if (count > 1) return sendCut(response, rangeOf(request), bytes.length)
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 1000))
    })
    assert.deepEqual(await fetchBlob(server), bytes)
    assert.equal(server.requests[1]?.headers.range, 'bytes=1000-')
  })

  test('a server that drips is left too, and the rest asked for anew (B-PL-8)', async () => {
    await using server = await scriptedServer((request, response, count) => {
      if (count > 1) return sendCut(response, rangeOf(request), bytes.length)
      response.writeHead(200, { 'content-length': bytes.length })
      let at = 0
      const drip = setInterval(() => response.write(bytes.subarray(at, (at += 1))), 100)
      response.on('close', () => clearInterval(drip))
    })
    assert.deepEqual(await fetchBlob(server), bytes)
    assert.ok(server.requests.length >= 2)
  })

  test('right length, wrong bytes', async () => {
    await using server = await scriptedServer((_, response) => void response.end(Buffer.alloc(bytes.length)))
    await assert.rejects(fetchBlob(server), {
      code: 'BLOB_DIGEST_MISMATCH',
      message: new RegExp(server.host),
    })
  })

  test('an endless body is left at the first byte too many', async () => {
    let sent = 0
    await using server = await scriptedServer((_, response) => {
      const more = (): void => {
        if (response.destroyed) return
        sent += bytes.length
        response.write(bytes, () => setImmediate(more))
      }
      more()
    })
    await assert.rejects(fetchBlob(server), { code: 'BLOB_SIZE_MISMATCH' })
    assert.ok(sent < bytes.length * 100)
    assert.equal(server.requests.length, 1)
  })

  test('a compressed answer is refused', async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes)
    })
    await assert.rejects(fetchBlob(server), { code: 'REGISTRY_ANSWER_INVALID' })
    assert.equal(server.requests[0]?.headers['accept-encoding'], 'identity')
  })

  test('404 is final', async () => {
    await using server = await scriptedServer((_, response) => void response.writeHead(404).end())
    await assert.rejects(fetchBlob(server), { code: 'BLOB_NOT_FOUND', kind: 'not-found' })
    assert.equal(server.requests.length, 1)
  })

  test('an aborted download ends at once with the reason of the signal', async () => {
    const stop = new AbortController()
    const reason = new Error('stopped by the user')
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 1000), () => stop.abort(reason))
    })
    const settings = { retryDelay: 1 }
    await assert.rejects(fetchBlob(server, { signal: stop.signal }, settings), /stopped by the user/)
    assert.equal(server.requests.length, 1)
  })
})

suite('statuses (B-PL-4 to 7)', () => {
  for (const status of [408, 429, 500, 502, 503, 504]) {
    test(`${status} three times, then right`, async () => {
      await using server = await scriptedServer((_, response, count) => {
        if (count <= 3) response.writeHead(status, { 'retry-after': '0' }).end()
        else response.end(bytes)
      })
      assert.deepEqual(await fetchBlob(server), bytes)
    })
  }

  test('500 for ever: five tries, the status and the escaped message', async () => {
    await using server = await scriptedServer((_, response) => {
      const body = { errors: [{ code: 'UNKNOWN', message: `\x1b[31mbroken ${'x'.repeat(5000)}` }] }
      response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    await assert.rejects(fetchBlob(server), (error: Error & { code: string }) => {
      assert.equal(error.code, 'REGISTRY_FAILED')
      assert.match(error.message, /status 500: UNKNOWN: \\x1b\[31mbroken/)
      assert.ok(error.message.length < 1500)
      return true
    })
    assert.equal(server.requests.length, 5)
  })

  test('429 with a pause beyond the limit says when to come back, at once', async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(429, { 'retry-after': '86400' }).end()
    })
    await assert.rejects(fetchBlob(server), { code: 'REGISTRY_RATE_LIMITED', message: /retry after 86400 s/ })
    assert.equal(server.requests.length, 1)
  })

  test('429: what the registry allows is told, and that a login may help (D17)', async () => {
    await using server = await scriptedServer((_, response) => {
      const headers = {
        'retry-after': '86400',
        'ratelimit-limit': '100;w=21600',
        'ratelimit-remaining': '0;w=21600',
      }
      response.writeHead(429, headers).end()
    })
    await using client = createRegistryClient({ retryDelay: 1 })
    const resolving = client.openRepository({ registry: server.host, repository: 'app' }).resolve('v1')
    await assert.rejects(resolving, {
      code: 'REGISTRY_RATE_LIMITED',
      message: `rate limited by ${server.host}, retry after 86400 s: status 429 (100 requests in 6 h, 0 left); logged in there may be more: mille login ${server.host}`,
    })
  })

  test('one 429 makes all requests to the host wait', async () => {
    const told = performance.now()
    let early = 0
    await using server = await scriptedServer((_, response, count) => {
      if (count === 1) return void response.writeHead(429, { 'retry-after': '1' }).end()
      if (performance.now() - told < 900) early += 1
      response.end(bytes)
    })
    await using client = createRegistryClient(quick)
    const repository = client.openRepository({ registry: server.host, repository: 'app' })
    const first = repository.fetch(blob)
    while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const bodies = await Promise.all([first, repository.fetch(blob), repository.fetch(blob)])
    for (const body of bodies) assert.deepEqual(await buffer(body), bytes)
    assert.equal(early, 0)
  })

  test('403 is denied, without another try', async () => {
    await using server = await scriptedServer((_, response) => void response.writeHead(403).end())
    await assert.rejects(fetchBlob(server), {
      code: 'REGISTRY_DENIED',
      message: /^denied: requested access to the resource is denied: app on 127.*mille login/,
    })
    assert.equal(server.requests.length, 1)
  })

  test('nobody listens', async () => {
    const server = await scriptedServer(() => {})
    await server[Symbol.asyncDispose]()
    await assert.rejects(fetchBlob(server), { code: 'REGISTRY_UNREACHABLE', kind: 'unavailable' })
  })
})

suite('manifests (C-W5, C-M)', () => {
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { ...blob, mediaType: mediaTypes.ociConfig },
      layers: [],
    }),
  )
  const resolve = async (server: ScriptedServer, name = 'latest'): Promise<Descriptor> => {
    await using client = createRegistryClient(quick)
    return await client.openRepository({ registry: server.host, repository: 'app' }).resolve(name)
  }

  test('without a digest header the body is hashed', async () => {
    await using server = await scriptedServer((_, response) => void response.end(manifest))
    assert.equal((await resolve(server)).digest, sha256(manifest))
  })

  test('a digest header that lies is refused', async () => {
    await using server = await scriptedServer((_, response) => {
      response.setHeader('docker-content-digest', sha256('other'))
      response.end(manifest)
    })
    await assert.rejects(resolve(server), { code: 'BLOB_DIGEST_MISMATCH' })
    await assert.rejects(resolve(server, sha256(manifest)), { code: 'BLOB_DIGEST_MISMATCH' })
  })

  test('another Content-Type than the document names is refused', async () => {
    await using server = await scriptedServer((_, response) => {
      response.setHeader('content-type', mediaTypes.ociIndex)
      response.end(manifest)
    })
    await assert.rejects(resolve(server), { code: 'MANIFEST_AMBIGUOUS' })
  })

  test('an endless manifest is left at its limit', async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.method === 'HEAD') return void response.end()
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(1 << 20, 0x20), () => setImmediate(more))
      }
      more()
    })
    await assert.rejects(resolve(server), { code: 'MANIFEST_TOO_LARGE' })
  })

  test('a manifest that is cut is asked for again', async () => {
    await using server = await scriptedServer((request, response, count) => {
      if (request.method === 'HEAD' || count > 2) return void response.end(manifest)
      response.writeHead(200, { 'content-length': manifest.length })
      response.write(manifest.subarray(0, 20), () => response.destroy())
    })
    assert.equal((await resolve(server)).digest, sha256(manifest))
  })

  test('10,000 headers are refused', async () => {
    await using server = await scriptedServer((_, response) => {
      for (let i = 0; i < 10_000; i++) response.setHeader(`x-${i}`, 'y'.repeat(20))
      response.end(manifest)
    })
    await assert.rejects(resolve(server), { code: 'REGISTRY_UNREACHABLE' })
  })

  test('an unknown tag', async () => {
    await using server = await scriptedServer((_, response) => void response.writeHead(404).end())
    await assert.rejects(resolve(server), {
      code: 'MANIFEST_UNKNOWN',
      message: `manifest for ${server.host}/app:latest not found: manifest unknown`,
    })
  })
})
