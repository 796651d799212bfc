import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { suite, test } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import type { PushOptions } from '../../src/registry/repository.ts'
import { randomBytes } from '../support/random-image.ts'
import { scriptedServer } from '../support/scripted-server.ts'
import type { ScriptedServer } from '../support/scripted-server.ts'

const bytes = randomBytes(9, 300_000)
const blob: Descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: sha256(bytes), size: bytes.length }
const source = (offset = 0): Readable =>
  Readable.from(
    (function* () {
      for (let at = offset; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000)
    })(),
  )
const reopen = (offset: number): Promise<Readable> => Promise.resolve(source(offset))

async function push(
  server: ScriptedServer,
  body: Readable = source(),
  options: PushOptions = {},
): Promise<void> {
  await using client = createRegistryClient({ retryDelay: 1, attempts: 3, stallTimeout: 500 })
  await client.openRepository({ registry: server.host, repository: 'app' }).push(blob, body, options)
}

/** A registry's upload endpoint whose behaviour a test can bend. */
interface Upload {
  received: Buffer
  finished: boolean
  sessions: number
}
type Bend = (request: IncomingMessage, response: ServerResponse, upload: Upload) => boolean | Promise<boolean>

async function uploadServer(bend: Bend): Promise<{ server: ScriptedServer; upload: Upload }> {
  const upload: Upload = { received: Buffer.alloc(0), finished: false, sessions: 0 }
  const server = await scriptedServer(async (request, response) => {
    if (await bend(request, response, upload)) return
    const state = {
      location: '/v2/app/blobs/uploads/1',
      range: `0-${Math.max(0, upload.received.length - 1)}`,
    }
    if (request.method === 'POST') {
      upload.sessions += 1
      upload.received = Buffer.alloc(0)
      response.writeHead(202, state).end()
    } else if (request.method === 'PATCH') {
      for await (const chunk of request) upload.received = Buffer.concat([upload.received, chunk as Buffer])
      response.writeHead(202, { ...state, range: `0-${upload.received.length - 1}` }).end()
    } else if (request.method === 'GET') response.writeHead(204, state).end()
    else if (request.method === 'PUT') {
      upload.finished = sha256(upload.received) === blob.digest
      response.writeHead(upload.finished ? 201 : 400).end()
    } else response.writeHead(upload.finished ? 200 : 404).end()
  })
  return { server, upload }
}

/** Takes `limit` bytes of the first PATCH and breaks the connection. */
function cutFirstPatch(limit: number): Bend {
  let done = false
  return async (request, _, upload) => {
    if (request.method !== 'PATCH' || done) return false
    done = true
    for await (const chunk of request) {
      upload.received = Buffer.concat([upload.received, chunk as Buffer])
      if (upload.received.length >= limit) break
    }
    upload.received = upload.received.subarray(0, limit)
    request.destroy()
    return true
  }
}

suite('a blob upload (B-PS)', () => {
  test('arrives', async () => {
    const { server, upload } = await uploadServer(() => false)
    await using _ = server
    const seen: number[] = []
    await push(server, source(), { onProgress: ({ current }) => seen.push(current ?? 0) })
    assert.ok(upload.finished)
    assert.equal(seen.at(-1), bytes.length)
  })

  for (const limit of [1000, 150_000]) {
    test(`cut after ${limit} bytes goes on from there`, async () => {
      const { server, upload } = await uploadServer(cutFirstPatch(limit))
      await using _ = server
      await push(server, source(), { reopen })
      assert.ok(upload.finished)
      assert.equal(upload.sessions, 1)
      const last = server.requests.findLast(({ method }) => method === 'PATCH')
      assert.equal(last?.headers['content-range'], `${limit}-${bytes.length - 1}`)
    })
  }

  test('a session that is gone is begun anew', async () => {
    const cut = cutFirstPatch(1000)
    const { server, upload } = await uploadServer((request, response, state) => {
      if (request.method !== 'GET') return cut(request, response, state)
      response.writeHead(404).end()
      return true
    })
    await using _ = server
    await push(server, source(), { reopen })
    assert.ok(upload.finished)
    assert.equal(upload.sessions, 2)
  })

  test('a token that ends on the way is renewed once, and the upload goes on', async () => {
    let refused = false
    const { server, upload } = await uploadServer(async (request, response, state) => {
      if (request.method !== 'PATCH' || refused) return false
      refused = true
      for await (const chunk of request) state.received = Buffer.concat([state.received, chunk as Buffer])
      state.received = state.received.subarray(0, 120_000)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    })
    await using _ = server
    await push(server, source(), { reopen })
    assert.equal(upload.finished, true)
    assert.equal(upload.sessions, 1)
  })

  test('429 in the middle is waited for, and the upload goes on', async () => {
    let refused = false
    const { server, upload } = await uploadServer(async (request, response, state) => {
      if (request.method !== 'PATCH' || refused) return false
      refused = true
      for await (const chunk of request) state.received = Buffer.concat([state.received, chunk as Buffer])
      state.received = state.received.subarray(0, 120_000)
      response.writeHead(429, { 'retry-after': '0' }).end()
      return true
    })
    await using _ = server
    await push(server, source(), { reopen })
    assert.equal(upload.finished, true)
  })

  test('without a way to read again a cut is an error', async () => {
    const { server, upload } = await uploadServer(cutFirstPatch(1000))
    await using _ = server
    await assert.rejects(push(server), { kind: 'unavailable' })
    assert.equal(upload.finished, false)
  })

  test('the answer to the closing PUT is lost', async () => {
    let lost = false
    const { server, upload } = await uploadServer((request, _, state) => {
      if (request.method !== 'PUT' || lost) return false
      lost = true
      state.finished = true
      request.destroy()
      return true
    })
    await using _ = server
    await push(server)
    assert.ok(upload.finished)
  })

  test('the closing PUT finds the upload closed, and the blob there', async () => {
    const { server } = await uploadServer((request, response, state) => {
      if (request.method !== 'PUT') return false
      if (state.finished) response.writeHead(404).end()
      else request.destroy()
      state.finished = true
      return true
    })
    await using _ = server
    await push(server)
  })

  test('another digest than ours is a failure', async () => {
    const { server } = await uploadServer((request, response) => {
      if (request.method !== 'PUT') return false
      response.writeHead(201, { 'docker-content-digest': sha256('other') }).end()
      return true
    })
    await using _ = server
    await assert.rejects(push(server), { code: 'BLOB_DIGEST_MISMATCH' })
  })

  test('a damaged source never becomes a blob', async () => {
    const { server, upload } = await uploadServer(() => false)
    await using _ = server
    const damaged = Readable.from([Buffer.alloc(bytes.length)])
    await assert.rejects(push(server, damaged), { code: 'BLOB_DIGEST_MISMATCH' })
    assert.equal(upload.finished, false)
    assert.ok(!server.requests.some(({ method }) => method === 'PUT'))
  })

  test('a source that is too short', async () => {
    const { server } = await uploadServer(() => false)
    await using _ = server
    await assert.rejects(push(server, Readable.from([bytes.subarray(5)])), { code: 'BLOB_SIZE_MISMATCH' })
    assert.ok(!server.requests.some(({ method }) => method === 'PUT'))
  })

  test('413 in the middle is told as the registry says it', async () => {
    const { server } = await uploadServer((request, response) => {
      if (request.method !== 'PATCH') return false
      response.writeHead(413, { 'content-type': 'application/json', connection: 'close' })
      response.end('{"errors":[{"code":"SIZE_INVALID","message":"too big"}]}')
      return true
    })
    await using _ = server
    await assert.rejects(push(server), {
      code: 'REGISTRY_REFUSED',
      message: /status 413: SIZE_INVALID: too big/,
    })
  })

  test('an upload is not sent elsewhere without encryption', async () => {
    await using elsewhere = await scriptedServer((_, response) => void response.writeHead(202).end())
    const { server } = await uploadServer((_, response) => {
      response.writeHead(202, { location: `${elsewhere.url}/take` }).end()
      return true
    })
    await using _ = server
    await assert.rejects(push(server), { code: 'REGISTRY_REDIRECT_REFUSED' })
    assert.deepEqual(elsewhere.requests, [])
  })

  test('a refused mount is not a second session', async () => {
    const { server, upload } = await uploadServer(() => false)
    await using _ = server
    await using client = createRegistryClient()
    const repository = client.openRepository({ registry: server.host, repository: 'app' })
    assert.equal(await repository.mount(blob, 'other/app'), false)
    await repository.push(blob, source())
    assert.equal(upload.sessions, 1)
    assert.equal(server.requests[0]?.url, `/v2/app/blobs/uploads/?mount=${blob.digest}&from=other%2Fapp`)
  })
})

test('a mount that one may not make is an ordinary upload', async () => {
  for (const status of [401, 403]) {
    await using server = await scriptedServer((_, response) => void response.writeHead(status).end())
    await using client = createRegistryClient({ attempts: 1 })
    const repository = client.openRepository({ registry: server.host, repository: 'app' })
    assert.equal(await repository.mount(blob, 'other/app'), false)
  }
})

suite('a manifest push (B-PS-4 to 6)', () => {
  const raw = Buffer.from('{"schemaVersion":2}')
  const manifest: Descriptor = { mediaType: mediaTypes.ociManifest, digest: sha256(raw), size: raw.length }
  const pushTo = async (server: ScriptedServer): Promise<void> => {
    await using client = createRegistryClient({ retryDelay: 1 })
    await client
      .openRepository({ registry: server.host, repository: 'app' })
      .push(manifest, Readable.from([raw]))
  }

  test('is sent again after a 503', async () => {
    await using server = await scriptedServer((_, response, count) => {
      response.writeHead(count === 1 ? 503 : 201).end()
    })
    await pushTo(server)
    assert.equal(server.requests.length, 2)
    assert.equal(server.requests[1]?.headers['content-type'], mediaTypes.ociManifest)
  })

  test('stored under another digest', async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(201, { 'docker-content-digest': sha256('other') }).end()
    })
    await assert.rejects(pushTo(server), { code: 'BLOB_DIGEST_MISMATCH' })
  })

  for (const [status, wire, code] of [
    [400, 'MANIFEST_INVALID', 'REGISTRY_REFUSED'],
    [405, 'UNSUPPORTED', 'REGISTRY_REFUSED'],
    [404, 'MANIFEST_BLOB_UNKNOWN', 'REGISTRY_BLOB_UNKNOWN'],
    [403, 'DENIED', 'REGISTRY_DENIED'],
  ] as const) {
    test(`${status} ${wire} is ${code}`, async () => {
      await using server = await scriptedServer((_, response) => {
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ errors: [{ code: wire, message: 'why' }] }))
      })
      await assert.rejects(pushTo(server), { code })
      assert.equal(server.requests.length, 1)
    })
  }
})
