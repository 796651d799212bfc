import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { randomImage, randomIndex } from '../../../test/support/random-image.ts'
import type { RandomImage } from '../../../test/support/random-image.ts'
import { startRegistry } from '../../../test/support/start-registry.ts'
import { sha256 } from '../../oci/digest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { isMilleError } from '../../util/errors.ts'
import { MemoryStorage } from './memory-storage.ts'
import { createRegistry } from './registry.ts'

const image = randomImage()
const [config, layer] = image.blobs
assert.ok(config && layer)

const send = (url: string, method: string, body?: Buffer | string, headers: Record<string, string> = {}) =>
  fetch(url, { method, headers, ...(body !== undefined && { body }) })

async function errorOf(answer: Response): Promise<string> {
  const { errors } = (await answer.json()) as { errors: { code: string }[] }
  return `${answer.status} ${errors[0]?.code}`
}

async function pushBlob(url: string, repository: string, bytes: Buffer): Promise<void> {
  const answer = await send(`${url}/v2/${repository}/blobs/uploads/?digest=${sha256(bytes)}`, 'POST', bytes)
  assert.equal(answer.status, 201)
}

async function pushImage(
  url: string,
  repository: string,
  tag: string,
  { blobs, descriptor }: RandomImage,
): Promise<void> {
  for (const { bytes } of blobs.slice(0, -1)) await pushBlob(url, repository, bytes)
  const type = { 'content-type': descriptor.mediaType }
  const answer = await send(`${url}/v2/${repository}/manifests/${tag}`, 'PUT', blobs.at(-1)?.bytes, type)
  assert.equal(answer.status, 201)
  assert.equal(answer.headers.get('docker-content-digest'), descriptor.digest)
  assert.equal(answer.headers.get('location'), `/v2/${repository}/manifests/${descriptor.digest}`)
}

test('ping says what this is', async () => {
  await using registry = await startRegistry()
  for (const path of ['/v2/', '/v2']) {
    const answer = await fetch(registry.url + path)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('docker-distribution-api-version'), 'registry/2.0')
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  }
})

test('the log tells how long a request took', async () => {
  await using registry = await startRegistry()
  const opened = await send(`${registry.url}/v2/a/blobs/uploads/`, 'POST')
  const slow = (async function* () {
    yield layer.bytes.subarray(0, 100)
    await new Promise((resolve) => setTimeout(resolve, 30))
    yield layer.bytes.subarray(100)
  })()
  const put = `${registry.url}${opened.headers.get('location') ?? ''}?digest=${layer.descriptor.digest}`
  const answer = await fetch(put, { method: 'PUT', body: slow, duplex: 'half' })
  assert.equal(answer.status, 201)
  const ms = registry.log.find(({ method }) => method === 'PUT')?.['ms']
  assert.ok(typeof ms === 'number' && ms >= 25, String(ms))
})

test('an upload by POST, PATCHes with ranges, and PUT with the last bytes', async () => {
  await using registry = await startRegistry()
  const bytes = layer.bytes
  const opened = await send(`${registry.url}/v2/a/b/blobs/uploads/`, 'POST')
  assert.equal(opened.status, 202)
  const session = registry.url + (opened.headers.get('location') ?? '')
  const range = (start: number, end: number): Record<string, string> => ({
    'content-range': `${start}-${end}`,
  })
  const first = await send(session, 'PATCH', bytes.subarray(0, 100), range(0, 99))
  assert.deepEqual([first.status, first.headers.get('range')], [202, '0-99'])
  const again = await send(session, 'PATCH', bytes.subarray(0, 100), range(0, 99))
  assert.equal(again.headers.get('range'), '0-99')
  assert.equal(await errorOf(again), '416 BLOB_UPLOAD_INVALID')
  const lie = await send(session, 'PATCH', bytes.subarray(100, 200), range(100, 250))
  assert.equal(await errorOf(lie), '400 SIZE_INVALID')
  const nonsense = await send(session, 'PATCH', bytes.subarray(100, 200), { 'content-range': 'x' })
  assert.equal(await errorOf(nonsense), '400 BLOB_UPLOAD_INVALID')
  assert.equal((await send(session, 'PATCH', '')).status, 202)
  const status = await send(session, 'GET')
  assert.deepEqual([status.status, status.headers.get('range')], [204, '0-99'])
  assert.equal((await send(session, 'PATCH', bytes.subarray(100, 300))).headers.get('range'), '0-299')
  const done = await send(`${session}?digest=${layer.descriptor.digest}`, 'PUT', bytes.subarray(300))
  assert.equal(done.status, 201)
  const blob = await fetch(registry.url + (done.headers.get('location') ?? ''))
  assert.deepEqual(Buffer.from(await blob.arrayBuffer()), bytes)
  assert.equal(await errorOf(await send(session, 'GET')), '404 BLOB_UPLOAD_UNKNOWN')
})

test('an upload ends by DELETE, and by a wrong digest; a malformed digest ends nothing', async () => {
  await using registry = await startRegistry()
  const open = async (): Promise<string> =>
    registry.url + ((await send(`${registry.url}/v2/a/blobs/uploads/`, 'POST')).headers.get('location') ?? '')
  const cancelled = await open()
  assert.equal((await send(cancelled, 'DELETE')).status, 204)
  assert.equal(await errorOf(await send(cancelled, 'DELETE')), '404 BLOB_UPLOAD_UNKNOWN')
  const session = await open()
  for (const digest of ['', 'md5:abc', `sha256:${'A'.repeat(64)}`]) {
    assert.equal(await errorOf(await send(`${session}?digest=${digest}`, 'PUT', 'x')), '400 DIGEST_INVALID')
  }
  assert.equal(await errorOf(await send(session, 'PUT', 'x')), '400 DIGEST_INVALID')
  assert.equal(
    await errorOf(await send(`${session}?digest=${sha256('y')}`, 'PUT', 'x')),
    '400 DIGEST_INVALID',
  )
  assert.equal(await errorOf(await send(session, 'GET')), '404 BLOB_UPLOAD_UNKNOWN')
})

test('mounting: 201 when the other repository holds the blob, else an upload begins', async () => {
  await using registry = await startRegistry()
  await pushBlob(registry.url, 'one', layer.bytes)
  const mount = (from: string) =>
    send(`${registry.url}/v2/two/blobs/uploads/?mount=${layer.descriptor.digest}&from=${from}`, 'POST')
  for (const from of ['three', '..%2Fone', '']) assert.equal((await mount(from)).status, 202)
  assert.equal((await fetch(`${registry.url}/v2/two/blobs/${layer.descriptor.digest}`)).status, 404)
  assert.equal((await mount('one')).status, 201)
  assert.equal((await fetch(`${registry.url}/v2/two/blobs/${layer.descriptor.digest}`)).status, 200)
})

for (const driver of ['memory', 'files'] as const) {
  test(`blobs: whole, in parts, conditional (${driver})`, async () => {
    await using registry = await startRegistry({ driver })
    await pushBlob(registry.url, 'a', Buffer.from('0123456789'))
    const url = `${registry.url}/v2/a/blobs/${sha256('0123456789')}`
    const head = await send(url, 'HEAD')
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, '10'])
    assert.equal(head.headers.get('docker-content-digest'), sha256('0123456789'))
    const part = async (range: string): Promise<unknown[]> => {
      const answer = await fetch(url, { headers: { range } })
      return [answer.status, answer.headers.get('content-range'), await answer.text()]
    }
    assert.deepEqual(await part('bytes=2-4'), [206, 'bytes 2-4/10', '234'])
    assert.deepEqual(await part('bytes=7-'), [206, 'bytes 7-9/10', '789'])
    assert.deepEqual(await part('bytes=-3'), [206, 'bytes 7-9/10', '789'])
    assert.deepEqual(await part('bytes=0-99'), [206, 'bytes 0-9/10', '0123456789'])
    assert.deepEqual(await part('bytes=10-'), [416, 'bytes */10', ''])
    assert.deepEqual(await part('bytes=-0'), [416, 'bytes */10', ''])
    assert.deepEqual(await part('bytes=1-2,4-5'), [200, null, '0123456789'])
    const known = await fetch(url, { headers: { 'if-none-match': `"${sha256('0123456789')}"` } })
    assert.equal(known.status, 304)
    assert.equal((await send(url, 'DELETE')).status, 202)
    assert.equal(await errorOf(await fetch(url)), '404 BLOB_UNKNOWN')
  })
}

test('manifests: by tag and digest, what the client accepts, deleting a tag keeps the manifest', async () => {
  await using registry = await startRegistry()
  await pushImage(registry.url, 'lib/app', 'v1', image)
  const byTag = `${registry.url}/v2/lib/app/manifests/v1`
  const byDigest = `${registry.url}/v2/lib/app/manifests/${image.descriptor.digest}`
  const bytes = image.blobs.at(-1)?.bytes
  for (const url of [byTag, byDigest]) {
    const answer = await fetch(url)
    assert.equal(answer.headers.get('content-type'), mediaTypes.ociManifest)
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes)
    const head = await send(url, 'HEAD')
    assert.equal(head.headers.get('content-length'), String(bytes?.length))
  }
  const accepting = async (accept: string): Promise<number> =>
    (await fetch(byTag, { headers: { accept } })).status
  assert.equal(await accepting(`${mediaTypes.dockerManifest}, ${mediaTypes.ociManifest};q=0.5`), 200)
  assert.equal(await accepting(mediaTypes.dockerManifest), 404)
  assert.equal((await send(byTag, 'DELETE')).status, 202)
  assert.equal(await errorOf(await fetch(byTag)), '404 MANIFEST_UNKNOWN')
  assert.equal((await fetch(byDigest)).status, 200)
  assert.equal((await send(byDigest, 'DELETE')).status, 202)
  assert.equal(await errorOf(await fetch(byDigest)), '404 MANIFEST_UNKNOWN')
})

test('manifests are checked: blobs, digest, type; an index may be sparse, a subject may be missing', async () => {
  await using registry = await startRegistry()
  const put = (reference: string, body: Buffer | string, type = mediaTypes.ociManifest as string) =>
    send(`${registry.url}/v2/a/manifests/${reference}`, 'PUT', body, { 'content-type': type })
  const bytes = image.blobs.at(-1)?.bytes ?? ''
  const missing = await put('v1', bytes)
  assert.equal(missing.status, 400)
  assert.deepEqual(((await missing.json()) as { errors: unknown[] }).errors[0], {
    code: 'MANIFEST_BLOB_UNKNOWN',
    message: `the manifest names ${config.descriptor.digest}, which a does not hold`,
    detail: { digest: config.descriptor.digest },
  })
  for (const blob of image.blobs.slice(0, -1)) await pushBlob(registry.url, 'a', blob.bytes)
  assert.equal(await errorOf(await put(sha256('other'), bytes)), '400 DIGEST_INVALID')
  assert.equal(await errorOf(await put('v1', '{"schemaVersion":2')), '400 MANIFEST_INVALID')
  assert.equal(await errorOf(await put('v1', bytes, mediaTypes.ociIndex)), '400 MANIFEST_INVALID')
  assert.equal(await errorOf(await put('v1', '{"schemaVersion":1}')), '400 MANIFEST_INVALID')
  assert.equal((await put(image.descriptor.digest, bytes)).status, 201)
  const index = randomIndex([randomImage({ seed: 9 })])
  assert.equal((await put('sparse', index.bytes, mediaTypes.ociIndex)).status, 201)
  const subject = { mediaType: mediaTypes.ociManifest, digest: sha256('none'), size: 4 }
  assert.equal((await put('signature', JSON.stringify({ ...image.manifest, subject }))).status, 201)
  assert.equal((await fetch(`${registry.url}/v2/a/referrers/${sha256('none')}`)).status, 200)
})

test('tags and repositories come in pages with links', async () => {
  await using registry = await startRegistry()
  for (const tag of ['c', 'a', 'b']) await pushImage(registry.url, 'x/y', tag, image)
  await pushImage(registry.url, 'z', 'latest', image)
  const all = await fetch(`${registry.url}/v2/x/y/tags/list`)
  assert.equal(all.headers.get('link'), null)
  assert.deepEqual(await all.json(), { name: 'x/y', tags: ['a', 'b', 'c'] })
  const page = await fetch(`${registry.url}/v2/x/y/tags/list?n=2`)
  assert.deepEqual(await page.json(), { name: 'x/y', tags: ['a', 'b'] })
  const next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1] ?? ''
  const rest = await fetch(registry.url + next)
  assert.deepEqual(await rest.json(), { name: 'x/y', tags: ['c'] })
  assert.equal(rest.headers.get('link'), null)
  const catalog = await fetch(`${registry.url}/v2/_catalog?n=1&last=x`)
  assert.deepEqual(await catalog.json(), { repositories: ['x/y'] })
  assert.equal(await errorOf(await fetch(`${registry.url}/v2/none/tags/list`)), '404 NAME_UNKNOWN')
})

test('deleting is off unless allowed', async () => {
  await using registry = await startRegistry({ allowDelete: false })
  await pushImage(registry.url, 'a', 'v1', image)
  for (const path of [
    'manifests/v1',
    `manifests/${image.descriptor.digest}`,
    `blobs/${layer.descriptor.digest}`,
  ]) {
    assert.equal(await errorOf(await send(`${registry.url}/v2/a/${path}`, 'DELETE')), '405 UNSUPPORTED')
  }
  assert.equal((await fetch(`${registry.url}/v2/a/manifests/v1`)).status, 200)
})

test('logins by htpasswd, read again when it changes; anonymous pulls when allowed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mille-htpasswd-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const htpasswd = join(folder, 'htpasswd')
  writeFileSync(htpasswd, `# users\nann:${hashSync('secret:word', 4)}\n`)
  const basic = (user: string, password: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  })
  await using registry = await startRegistry({ htpasswd, anonymousPull: true })
  const status = async (
    path: string,
    headers: Record<string, string> = {},
    method = 'GET',
  ): Promise<number> => (await send(registry.url + path, method, undefined, headers)).status
  const refused = await fetch(`${registry.url}/v2/`)
  assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic realm=/)
  assert.equal(await errorOf(refused), '401 UNAUTHORIZED')
  assert.equal(await status('/v2/', basic('ann', 'secret:word')), 200)
  assert.equal(await status('/v2/', basic('ann', 'secret:word')), 200)
  assert.equal(await status('/v2/', basic('ann', 'wrong')), 401)
  assert.equal(await status('/v2/', basic('bob', 'secret:word')), 401)
  assert.equal(await status('/v2/', { authorization: 'Bearer x' }), 401)
  assert.equal(await status('/v2/a/blobs/uploads/', {}, 'POST'), 401)
  assert.equal(await status('/v2/_catalog'), 401)
  assert.equal(await status('/v2/a/manifests/v1'), 404)
  assert.equal(await status('/v2/a/manifests/v1', basic('ann', 'wrong')), 401)
  assert.equal(await status('/v2/a/blobs/uploads/', basic('ann', 'secret:word'), 'POST'), 202)
  writeFileSync(htpasswd, `bob:${hashSync('other', 4)}\n\n`)
  assert.equal(await status('/v2/', basic('ann', 'secret:word')), 401)
  assert.equal(await status('/v2/', basic('bob', 'other')), 200)
  assert.ok(registry.log.some(({ user, status }) => user === 'ann' && status === 202))
  writeFileSync(htpasswd, 'ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n')
  const storage = new MemoryStorage()
  await assert.rejects(createRegistry({ storage, htpasswd }), (e) => isMilleError(e, 'HTPASSWD_INVALID'))
})

test('a request is one line of the log, whatever it holds', async () => {
  await using registry = await startRegistry()
  await fetch(`${registry.url}/v2/a%0Ab/tags/list`)
  while (registry.log.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const [line] = registry.log
  assert.deepEqual([line?.['method'], line?.['url'], line?.['status']], ['GET', '/v2/a%0Ab/tags/list', 400])
})

test('closing lets a request under way end and takes no new ones', async () => {
  const registry = await startRegistry({ closeTimeout: 5000 })
  await pushBlob(registry.url, 'a', layer.bytes)
  let sendRest: (() => void) | undefined
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from('begun, '))
      sendRest = () => {
        controller.enqueue(Buffer.from('ended'))
        controller.close()
      }
    },
  })
  const url = `${registry.url}/v2/a/blobs/uploads/?digest=${sha256('begun, ended')}`
  const upload = fetch(url, { method: 'POST', body, duplex: 'half' })
  while (registry.log.length < 1) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const closed = registry[Symbol.asyncDispose]()
  sendRest?.()
  assert.equal((await upload).status, 201)
  await closed
  await assert.rejects(fetch(`${registry.url}/v2/`))
})
