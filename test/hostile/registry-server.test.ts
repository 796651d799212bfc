import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashSync } from 'bcryptjs'
import { digestHex, sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { openFileStorage } from '../../src/registry/server/file-storage.ts'
import { createRegistry } from '../../src/registry/server/registry.ts'
import { randomBytes } from '../support/random-image.ts'
import { startRegistry } from '../support/start-registry.ts'
import type { StartedRegistry } from '../support/start-registry.ts'
import { umount } from '../support/umount.ts'
import { until } from '../support/until.ts'

const top = mkdtempSync(join(tmpdir(), 'mille-hostile-registry-'))
after(() => {
  rmSync(top, { recursive: true })
})

/** Bytes on a connection as they are: `fetch` would tidy them up. Gives all that comes back until the server closes. */
async function raw({ host }: { host: string }, bytes: string): Promise<string> {
  const socket = open(host)
  socket.write(bytes)
  return text(socket)
}

function open(host: string): Socket {
  const [address = '', port] = host.split(':')
  const socket = connect(Number(port), address)
  socket.on('error', () => {})
  return socket
}

function get(registry: StartedRegistry, path: string): Promise<string> {
  return raw(registry, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
}

async function openUpload(registry: StartedRegistry, repository = 'a', headers = {}): Promise<string> {
  const answer = await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: 'POST', headers })
  return answer.headers.get('location') ?? ''
}

async function pushBlob(registry: { readonly url: string }, bytes: Buffer): Promise<string> {
  const url = `${registry.url}/v2/a/blobs/uploads/?digest=${sha256(bytes)}`
  assert.equal((await fetch(url, { method: 'POST', body: bytes })).status, 201)
  return `${registry.url}/v2/a/blobs/${sha256(bytes)}`
}

test('C-S1: no path but a checked name gets anywhere', async () => {
  await using registry = await startRegistry({ driver: 'files' })
  const before = readdirSync(registry.root, { recursive: true })
  const names = [
    '..',
    '../x',
    '%2e%2e%2fx',
    'a/../b',
    'a//b',
    '/a',
    'a%00b',
    'a%0ab',
    'A',
    '_uploads',
    '%252e%252e',
    'a%ff',
    'a%2',
  ]
  for (const name of [...names, 'a'.repeat(300)]) {
    for (const path of ['manifests/v1', 'tags/list', `blobs/${sha256('')}`]) {
      const answer = await get(registry, `/v2/${name}/${path}`)
      assert.match(answer, /^HTTP\/1\.1 400 /, `${name}/${path}`)
      assert.match(answer, /"code":"NAME_INVALID"/)
    }
    const upload = await raw(
      registry,
      `POST /v2/${name}/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    )
    assert.match(upload, /^HTTP\/1\.1 400 /, name)
  }
  for (const path of [
    '/v2/a/manifests/..%2fb',
    '/v2/a/blobs/sha256:..%2f..%2fx',
    '/v2/a/manifests/-x',
    `/v2/a/manifests/${'t'.repeat(129)}`,
  ]) {
    assert.match(await get(registry, path), /^HTTP\/1\.1 400 .*"NAME_INVALID"/s)
  }
  for (const digest of ['sha256:..', 'sha256:abc', `md5:${'a'.repeat(32)}`, `sha256:${'A'.repeat(64)}`]) {
    assert.match(
      await get(registry, `/v2/a/blobs/${encodeURIComponent(digest)}`),
      /^HTTP\/1\.1 400 .*"DIGEST_INVALID"/s,
    )
  }
  for (const id of ['..', '..%2f..%2fregistry.db', '%00']) {
    assert.match(await get(registry, `/v2/a/blobs/uploads/${id}`), /^HTTP\/1\.1 40[04] /)
  }
  assert.deepEqual(readdirSync(registry.root, { recursive: true }), before)
})

test('C-S2, C-S11 (CVE-2023-2253): pages are bounded whatever n says', async () => {
  await using registry = await startRegistry()
  const bytes = Buffer.from('manifest')
  const manifest = { mediaType: mediaTypes.ociManifest, digest: sha256(bytes), bytes, blobs: [] }
  for (let count = 0; count < 2500; count++) {
    await registry.storage.putManifest('a', { ...manifest, tags: [`t${String(count).padStart(5, '0')}`] })
  }
  const tags: string[] = []
  let next: string | undefined = '/v2/a/tags/list?n=2147483647'
  while (next !== undefined) {
    const answer: Response = await fetch(registry.url + next)
    const page = ((await answer.json()) as { tags: string[] }).tags
    assert.ok(page.length <= 1000)
    tags.push(...page)
    next = /^<([^>]+)>/.exec(answer.headers.get('link') ?? '')?.[1]
  }
  assert.equal(new Set(tags).size, 2500)
  for (const list of ['/v2/_catalog', '/v2/a/tags/list']) {
    for (const n of ['-1', 'abc', '1e9', '', '99999999999999999999999']) {
      assert.match(await get(registry, `${list}?n=${n}`), /^HTTP\/1\.1 400 .*PAGINATION_NUMBER_INVALID/s)
    }
    assert.match(await get(registry, `${list}?n=0`), /^HTTP\/1\.1 200 .*\[\]/s)
  }
})

test('C-S8: an upload is its user’s, in its repository; its id is 128 random bits', async () => {
  const htpasswd = join(top, 'htpasswd')
  writeFileSync(htpasswd, `ann:${hashSync('a', 4)}\nbob:${hashSync('b', 4)}\n`)
  await using registry = await startRegistry({ htpasswd })
  const login = (name: string): { authorization: string } => ({
    authorization: `Basic ${Buffer.from(name).toString('base64')}`,
  })
  const path = await openUpload(registry, 'a', login('ann:a'))
  assert.match(path, /^\/v2\/a\/blobs\/uploads\/[0-9a-f]{32}$/)
  const elsewhere = path.replace('/v2/a/', '/v2/b/')
  for (const [url, user] of [
    [path, 'bob:b'],
    [elsewhere, 'ann:a'],
  ] as const) {
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { body: 'x' } : {}
      const answer = await fetch(registry.url + url, { method, headers: login(user), ...body })
      assert.equal(answer.status, 404)
    }
  }
  const mine = await fetch(registry.url + path, { headers: login('ann:a') })
  assert.deepEqual([mine.status, mine.headers.get('range')], [204, '0-0'])
  const second = await openUpload(registry, 'a', login('ann:a'))
  assert.notEqual(second, path)
})

test('C-S9: requests that can be read two ways are refused and the connection closed', async () => {
  await using registry = await startRegistry()
  const post = 'POST /v2/a/blobs/uploads/ HTTP/1.1\r\n'
  const smuggled = 'GET /v2/smuggled/tags/list HTTP/1.1\r\nHost: x\r\n\r\n'
  const requests = [
    `${post}Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `${post}Host: x\r\nContent-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    `${post}Host: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
    `${post}Host: x\nContent-Length: 0\n\n${smuggled}`,
    `${post}Host: x\r\nX-Folded: a\r\n b\r\n\r\n${smuggled}`,
    `${post}Host: x\r\nContent-Length : 0\r\n\r\n${smuggled}`,
    `GET /v2/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${smuggled}`,
    `GET /v2/ HTTP/1.1\r\n\r\n${smuggled}`,
  ]
  for (const request of requests) {
    const answer = await raw(registry, request)
    assert.match(answer, /^HTTP\/1\.1 400 /, request)
    assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, request)
  }
  assert.ok(registry.log.every(({ url, status }) => url !== '/v2/smuggled/tags/list' || status === 400))
})

test('C-S10: nothing that is stored runs in a browser', async () => {
  await using registry = await startRegistry()
  const page = Buffer.from('<html><script>alert(1)</script>')
  const blob = await fetch(await pushBlob(registry, page), { headers: { accept: 'text/html' } })
  assert.equal(blob.headers.get('content-type'), 'application/octet-stream')
  assert.equal(blob.headers.get('content-disposition'), 'attachment')
  assert.equal(blob.headers.get('x-content-type-options'), 'nosniff')
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: 'text/html', config: {}, layers: [] })
  const headers = { 'content-type': 'text/html' }
  const put = await fetch(`${registry.url}/v2/a/manifests/x`, { method: 'PUT', body: manifest, headers })
  assert.equal(put.status, 400)
  const error = await get(registry, '/v2/%3Cscript%3E/tags/list')
  assert.match(error, /content-type: application\/json/i)
  assert.match(error, /nosniff/)
})

test('C-S11: a manifest of 5 MiB is refused, told or not; so is one upload too many', async () => {
  await using registry = await startRegistry({ maxUploads: 3 })
  const url = `${registry.url}/v2/a/manifests/x`
  const body = Buffer.alloc(5 * 1024 * 1024, ' ')
  const headers = { 'content-type': mediaTypes.ociManifest }
  assert.equal((await fetch(url, { method: 'PUT', body, headers })).status, 413)
  const stream = Readable.toWeb(
    Readable.from([body.subarray(0, 3 << 20), body.subarray(3 << 20)]),
  ) as ReadableStream
  const streamed = await fetch(url, { method: 'PUT', body: stream, headers, duplex: 'half' })
  assert.equal(streamed.status, 413)
  for (let count = 0; count < 3; count++) assert.notEqual(await openUpload(registry), '')
  const refused = await fetch(`${registry.url}/v2/a/blobs/uploads/`, { method: 'POST' })
  assert.equal(refused.status, 429)
  assert.match(await refused.text(), /TOOMANYREQUESTS/)
})

test('B-RG-8: one address cannot take all connections', async () => {
  await using registry = await startRegistry({ maxConnectionsPerAddress: 3 })
  const taken = [open(registry.host), open(registry.host), open(registry.host)]
  await Promise.all(taken.map((socket) => once(socket, 'connect')))
  const answer = (): Promise<string> => get(registry, '/v2/').catch((error: Error) => error.message)
  // the server accepts in its own time
  await until(async () => ['', 'read ECONNRESET'].includes(await answer()))
  for (const socket of taken) socket.destroy()
  await until(async () => (await answer()).startsWith('HTTP/1.1 200 '))
})

test('B-RG-8: slow headers are cut off', async () => {
  await using registry = await startRegistry({ headerTimeout: 300 })
  const slow = [open(registry.host), open(registry.host), open(registry.host)]
  for (const socket of slow) socket.write('GET /v2/ HTTP/1.1\r\nX-Slow: ')
  const answers = await Promise.all(slow.map((socket) => text(socket)))
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 408 /)
})

test('B-RG-9: damaged bytes never leave as a whole answer, and are reported and put aside', async () => {
  await using registry = await startRegistry({ driver: 'files' })
  const bytes = randomBytes(1, 2_000_000)
  const url = await pushBlob(registry, bytes)
  const file = join(registry.root, 'blobs', 'sha256', digestHex(sha256(bytes)))
  writeFileSync(file, Buffer.alloc(bytes.length))
  await assert.rejects((async () => (await fetch(url)).arrayBuffer())())
  assert.equal((await fetch(url)).status, 404)
  assert.equal(readdirSync(join(registry.root, 'quarantine')).length, 1)
  await until(() => registry.log.some(({ error }) => String(error).includes('digest mismatch')))
  const small = await pushBlob(registry, Buffer.from('small'))
  writeFileSync(join(registry.root, 'blobs', 'sha256', digestHex(sha256('small'))), 'wrong')
  assert.equal((await fetch(small)).status, 500)
})

test('B-RG-1, B-RG-2: a cut client and a killed server leave an upload that goes on', async () => {
  const root = join(top, 'killed')
  const bytes = randomBytes(3, 900_000)
  const server = await startProcess(root)
  const opened = await fetch(`${server.url}/v2/a/blobs/uploads/`, { method: 'POST' })
  const path = opened.headers.get('location') ?? ''
  const socket = open(server.url.slice('http://'.length))
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`)
  socket.write(bytes.subarray(0, 600_000), () => socket.end())
  await text(socket)
  const offset = await waitForOffset(server.url + path)
  assert.ok(offset > 0 && offset <= 600_000)
  await server.kill()
  const next = await startProcess(root)
  assert.equal(await waitForOffset(next.url + path), offset)
  const rest = bytes.subarray(offset)
  const url = `${next.url}${path}?digest=${sha256(bytes)}`
  assert.equal((await fetch(url, { method: 'PUT', body: rest })).status, 201)
  await next.kill()
  const last = await startProcess(root)
  const blob = await fetch(`${last.url}/v2/a/blobs/${sha256(bytes)}`)
  assert.deepEqual(Buffer.from(await blob.arrayBuffer()), bytes)
  await last.kill()
})

test('B-RG-2: what was answered with 201 is there after kill -9, and a tag that moved has moved', async () => {
  const root = join(top, 'killed-after')
  const server = await startProcess(root)
  const layer = randomBytes(7, 200_000)
  await pushBlob(server, layer)
  const put = async (name: string): Promise<string> => {
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [],
      annotations: { name },
    }
    const body = JSON.stringify(document)
    const headers = { 'content-type': mediaTypes.ociIndex }
    const answer = await fetch(`${server.url}/v2/a/manifests/v1`, { method: 'PUT', body, headers })
    assert.equal(answer.status, 201)
    return sha256(body)
  }
  await put('first')
  const moved = await put('second')
  await server.kill()
  const next = await startProcess(root)
  try {
    const tag = await fetch(`${next.url}/v2/a/manifests/v1`)
    assert.equal(tag.headers.get('docker-content-digest'), moved)
    const blob = await fetch(`${next.url}/v2/a/blobs/${sha256(layer)}`)
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), layer)
  } finally {
    await next.kill()
  }
})

test('headers and paths that are too long are refused, and the next client is served', async () => {
  await using registry = await startRegistry()
  const long = 'x'.repeat(64 * 1024)
  const requests = [
    `GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: ${long}\r\n\r\n`,
    `GET /v2/${long}/tags/list HTTP/1.1\r\nHost: x\r\n\r\n`,
  ]
  for (const request of requests) {
    // closed before all was read: the answer may be lost on its way
    const answer = await raw(registry, request).catch(() => '')
    assert.match(answer, /^(?:HTTP\/1\.1 4\d\d |$)/)
  }
  assert.match(await get(registry, '/v2/'), /^HTTP\/1\.1 200 /)
})

test('B-RG-7: on a full disk uploads fail with 507, keep a true offset, and reading goes on', async () => {
  const disk = mkdtempSync(join(top, 'full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=700', 'tmpfs', disk])
  try {
    await using storage = openFileStorage(disk)
    await using registry = await createRegistry({ storage })
    const { url } = await registry.listen('127.0.0.1', 0)
    const small = randomBytes(4, 100_000)
    const pushed = await fetch(`${url}/v2/a/blobs/uploads/?digest=${sha256(small)}`, {
      method: 'POST',
      body: small,
    })
    assert.equal(pushed.status, 201)
    const opened = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' })
    const path = opened.headers.get('location') ?? ''
    const large = randomBytes(5, 6_000_000)
    const refused = await fetch(url + path, { method: 'PATCH', body: large })
    assert.equal(refused.status, 507)
    assert.match(await refused.text(), /^\{"errors":/)
    const offset = await waitForOffset(url + path)
    const file = readdirSync(join(disk, 'uploads')).find((name) => !name.endsWith('.json')) ?? ''
    assert.deepEqual(readFileSync(join(disk, 'uploads', file)), large.subarray(0, offset))
    const read = await fetch(`${url}/v2/a/blobs/${sha256(small)}`)
    assert.deepEqual(Buffer.from(await read.arrayBuffer()), small)
    assert.equal((await fetch(url + path, { method: 'DELETE' })).status, 204)
    const again = await fetch(`${url}/v2/b/blobs/uploads/?digest=${sha256(small)}`, {
      method: 'POST',
      body: small,
    })
    assert.equal(again.status, 201)
  } finally {
    umount(disk)
  }
})

async function waitForOffset(url: string): Promise<number> {
  for (;;) {
    const answer = await fetch(url)
    assert.equal(answer.status, 204)
    const end = Number(answer.headers.get('range')?.split('-')[1])
    if (end > 0) return end + 1
    await sleep(10)
  }
}

/** The registry in a process that can be killed. */
async function startProcess(root: string): Promise<{ url: string; kill(): Promise<void> }> {
  const source = join(import.meta.dirname, '../../src/registry/server')
  const program = `
    const { createRegistry } = await import(${JSON.stringify(`${source}/registry.ts`)})
    const { openFileStorage } = await import(${JSON.stringify(`${source}/file-storage.ts`)})
    const registry = await createRegistry({ storage: openFileStorage(${JSON.stringify(root)}) })
    console.log((await registry.listen('127.0.0.1', 0)).url)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  return {
    url: url.trim(),
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}
