import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, afterEach, before, test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { Bucket, type BucketOptions } from '../../src/registry/server/s3/bucket.ts'
import { BucketNotes } from '../../src/registry/server/search/bucket-notes.ts'
import { openS3Storage } from '../../src/registry/server/s3/s3-storage.ts'
import { testRegistryStorage } from '../contract/registry-storage.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { randomBytes } from '../support/random-image.ts'
import { serveRegistry, type ServedProcess } from '../support/serve-registry.ts'
import { startSwift, type SwiftServer } from '../support/swift-server.ts'

let swift: SwiftServer
let mille: TestMille
let folder: string
const closing: (() => Promise<void>)[] = []

before(async () => {
  swift = await startSwift()
  folder = mkdtempSync(join(tmpdir(), 'mille-replicas-'))
  const { credentials } = await swift.newBucket()
  mille = testMille({
    AWS_ACCESS_KEY_ID: credentials?.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey,
  })
})
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})
after(async () => {
  mille[Symbol.dispose]()
  await swift[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

testRegistryStorage('a bucket', async (options) =>
  openS3Storage({ ...(await swift.newBucket()), ...options }),
)

test('the same bytes pushed to two repositories lie in the bucket once', async () => {
  const bucket = await swift.newBucket()
  await using storage = await openS3Storage(bucket)
  for (const repository of ['one', 'two']) {
    const owner = { repository, user: '' }
    const id = await storage.openUpload(owner)
    await storage.appendUpload(owner, id, {}, Readable.from([Buffer.from('same')]))
    await storage.finishUpload(owner, id, sha256('same'))
    assert.equal(await storage.statBlob(repository, sha256('same')), 4)
  }
  assert.equal((await (await Bucket.open(bucket)).list('data/', { limit: 9 })).length, 1)
})

test('an upload of which a blob was made just before a kill takes no bytes with it when it expires', async () => {
  const bucket = await swift.newBucket()
  await using storage = await openS3Storage(bucket)
  const owner = { repository: 'app', user: '' }
  const id = await storage.openUpload(owner)
  await storage.appendUpload(owner, id, {}, Readable.from([Buffer.from('kept')]))
  const objects = await Bucket.open(bucket)
  const before = await objects.get(`uploads/${id}`)
  await storage.finishUpload(owner, id, sha256('kept'))
  // as if the process had been killed after the blob, before it forgot the upload
  const state = { ...(JSON.parse(String(before?.bytes)) as object), joined: sha256('kept') }
  await objects.put(`uploads/${id}`, JSON.stringify(state))
  assert.equal(await storage.expireUploads(0), 1)
  assert.equal((await buffer(await storage.readBlob('app', sha256('kept')))).toString(), 'kept')
})

test('descriptions and stars lie in the bucket, for every replica', async () => {
  const bucket = await swift.newBucket()
  const [first, second] = [
    new BucketNotes(await Bucket.open(bucket)),
    new BucketNotes(await Bucket.open(bucket)),
  ]
  await first.change('team/app', (note) => ({ ...note, description: 'text' }))
  await second.change('team/app', (note) => ({ ...note, stars: ['ann'] }))
  assert.deepEqual(await second.all(), new Map([['team/app', { description: 'text', stars: ['ann'] }]]))
})

test('bytes that changed in the bucket break off before their end, and pushing them again heals', async () => {
  const bucket = await swift.newBucket()
  await using storage = await openS3Storage(bucket)
  const owner = { repository: 'app', user: '' }
  const push = async (): Promise<void> => {
    const id = await storage.openUpload(owner)
    await storage.appendUpload(owner, id, {}, Readable.from([Buffer.from('right')]))
    await storage.finishUpload(owner, id, sha256('right'))
  }
  await push()
  const objects = await Bucket.open(bucket)
  const [data] = await objects.list('data/', { limit: 1 })
  await objects.put(data?.key ?? '', 'wrong')
  await assert.rejects(buffer(await storage.readBlob('app', sha256('right'))), {
    code: 'BLOB_DIGEST_MISMATCH',
  })
  assert.equal(await storage.statBlob('app', sha256('right')), undefined)
  await push()
  assert.equal((await buffer(await storage.readBlob('app', sha256('right')))).toString(), 'right')
})

/** A registry process that keeps everything in the bucket. */
async function startReplica({ credentials, ...bucket }: BucketOptions): Promise<ServedProcess> {
  assert.ok(credentials, 'they are in the environment')
  const config = join(folder, 'registry.yaml')
  writeFileSync(config, JSON.stringify({ listen: '127.0.0.1:0', bucket }))
  const replica = await serveRegistry(mille, '--config', config)
  closing.push(() => replica.kill())
  return replica
}

/** One address for all replicas: each connection goes to the next one that takes it. `onBytes` is told what passes. */
async function balance(
  replicas: readonly ServedProcess[],
  onBytes: (count: number) => void,
): Promise<string> {
  let turn = 0
  const server: Server = createServer((client) => {
    const first = turn++
    const attempt = (tried: number): void => {
      const replica = replicas[(first + tried) % replicas.length]
      if (replica === undefined || tried === replicas.length) return void client.destroy()
      const onward = connect(replica.port, '127.0.0.1')
      onward.once('connect', () => {
        client.on('data', (bytes: Buffer) => onBytes(bytes.length))
        client.pipe(onward).pipe(client)
        onward.on('error', () => client.destroy())
        onward.on('close', () => client.destroy())
      })
      onward.once('error', () => attempt(tried + 1))
    }
    client.on('error', () => {})
    attempt(0)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('an upload that one replica began is ended by another when that one is killed', async () => {
  const bucket = await swift.newBucket()
  const [first, second] = [await startReplica(bucket), await startReplica(bucket)]
  const bytes = randomBytes(7, 12_000_000)
  const opened = await fetch(`${first.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
  const place = opened.headers.get('location') ?? ''
  const sent = await fetch(first.url + place, { method: 'PATCH', body: bytes.subarray(0, 7_000_000) })
  assert.equal(sent.status, 202)
  await first.kill()
  const stands = await fetch(second.url + place)
  assert.equal(stands.headers.get('range'), '0-6999999')
  const rest = await fetch(second.url + place, {
    method: 'PATCH',
    body: bytes.subarray(7_000_000),
    headers: { 'content-range': `7000000-${bytes.length - 1}` },
  })
  assert.equal(rest.status, 202)
  const done = await fetch(`${second.url}${place}?digest=${sha256(bytes)}`, { method: 'PUT' })
  assert.equal(done.status, 201)
  const blob = await fetch(`${second.url}/v2/team/app/blobs/${sha256(bytes)}`)
  assert.deepEqual(Buffer.from(await blob.arrayBuffer()), bytes)
})

test('a push through one address for two replicas ends well when one of them is killed in it', async () => {
  const bucket = await swift.newBucket()
  const replicas = [await startReplica(bucket), await startReplica(bucket)]
  mille.ok('image', 'bootstrap', 'busybox')
  writeFileSync(join(folder, 'data'), randomBytes(8, 40_000_000))
  writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nCOPY data /data\n')
  let passed = 0
  const killed: Promise<void>[] = []
  const host = await balance(replicas, (count) => {
    passed += count
    if (passed > 20_000_000 && killed.length === 0 && replicas[0]) killed.push(replicas[0].kill())
  })
  mille.ok('build', '-t', `${host}/app:v1`, folder)
  const push = mille.start('push', `${host}/app:v1`)
  let said = ''
  for (const stream of [push.stdout, push.stderr])
    stream?.on('data', (text: Buffer) => (said += String(text)))
  const [code] = (await once(push, 'close')) as [number]
  assert.equal(code, 0, said)
  assert.equal(killed.length, 1)
  const id = mille.ok('inspect', '--format', '{{.Id}}', `${host}/app:v1`)
  mille.ok('rmi', `${host}/app:v1`)
  const pull = mille.start('pull', '-q', `${host}/app:v1`)
  assert.deepEqual(await once(pull, 'close'), [0, null])
  assert.equal(mille.ok('inspect', '--format', '{{.Id}}', `${host}/app:v1`), id)
})
