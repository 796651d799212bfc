import assert from 'node:assert/strict'
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, test } from 'node:test'
import { randomBytes } from '../../../test/support/random-image.ts'
import { digestHex, sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { isMilleError } from '../../util/errors.ts'
import { openFileStorage } from './file-storage.ts'
import type { RegistryStorage } from './storage.ts'
import { readText } from '../../util/read-text.ts'

const owner = { repository: 'app', user: '' }
const roots: string[] = []
const newRoot = (): string => {
  const root = mkdtempSync(join(tmpdir(), 'mille-file-storage-'))
  roots.push(root)
  return root
}
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true })
})

const blobFile = (root: string, digest: Digest): string => join(root, 'blobs', 'sha256', digestHex(digest))

async function pushBlob(storage: RegistryStorage, bytes: Buffer): Promise<Digest> {
  const id = await storage.openUpload(owner)
  await storage.appendUpload(owner, id, {}, Readable.from([bytes]))
  await storage.finishUpload(owner, id, sha256(bytes))
  return sha256(bytes)
}

test('blobs lie as in an OCI layout, and nothing is left of their uploads', async () => {
  const root = newRoot()
  await using storage = openFileStorage(root)
  const digest = await pushBlob(storage, Buffer.from('bytes'))
  assert.equal(readText(blobFile(root, digest)), 'bytes')
  assert.deepEqual(readdirSync(join(root, 'uploads')), [])
  await storage.deleteBlob('app', digest)
  assert.deepEqual(readdirSync(join(root, 'blobs', 'sha256')), [])
})

test('another process goes on with an upload, and finds what is stored', async () => {
  const root = newRoot()
  const bytes = randomBytes(1, 100_000)
  let id: string
  {
    await using first = openFileStorage(root)
    await pushBlob(first, Buffer.from('kept'))
    id = await first.openUpload(owner)
    await first.appendUpload(owner, id, {}, Readable.from([bytes.subarray(0, 40_000)]))
  }
  await using second = openFileStorage(root)
  assert.equal(await second.statBlob('app', sha256('kept')), 4)
  assert.equal(await second.uploadOffset(owner, id), 40_000)
  await assert.rejects(second.uploadOffset({ ...owner, user: 'bob' }, id), (e) =>
    isMilleError(e, 'BLOB_UPLOAD_UNKNOWN'),
  )
  await second.appendUpload(owner, id, { start: 40_000 }, Readable.from([bytes.subarray(40_000)]))
  await second.finishUpload(owner, id, sha256(bytes))
  assert.deepEqual(readFileSync(blobFile(root, sha256(bytes))), bytes)
})

test('what a killed process left of an upload is unknown, and removed when stale', async () => {
  const root = newRoot()
  await openFileStorage(root)[Symbol.asyncDispose]()
  const uploads = join(root, 'uploads')
  writeFileSync(join(uploads, `${'a'.repeat(32)}.json`), JSON.stringify(owner))
  writeFileSync(join(uploads, 'b'.repeat(32)), 'bytes')
  writeFileSync(join(uploads, `${'c'.repeat(32)}.json`), '')
  await using storage = openFileStorage(root)
  for (const letter of 'abc') {
    await assert.rejects(storage.uploadOffset(owner, letter.repeat(32)), (e) =>
      isMilleError(e, 'BLOB_UPLOAD_UNKNOWN'),
    )
  }
  assert.equal(await storage.expireUploads(0), 3)
  assert.deepEqual(readdirSync(uploads), [])
})

test('a clock that is set years ahead ends no upload', async (context) => {
  await using storage = openFileStorage(newRoot())
  const id = await storage.openUpload(owner)
  await storage.appendUpload(owner, id, {}, Readable.from([Buffer.from('bytes')]))
  context.mock.timers.enable({ apis: ['Date'], now: Date.now() + 10 * 365 * 24 * 3_600_000 })
  assert.equal(await storage.expireUploads(24 * 3_600_000), 0)
  assert.equal(await storage.uploadOffset(owner, id), 5)
})

test('one process at a time, and the other is named', async () => {
  const root = newRoot()
  await using storage = openFileStorage(root)
  assert.throws(() => openFileStorage(root), {
    code: 'REGISTRY_ROOT_BUSY',
    message: `another registry serves ${root} (process ${process.pid})`,
  })
  await pushBlob(storage, Buffer.from('still works'))
})

test('a blob with other bytes breaks off before its last ones and is put aside; pushing it heals it', async () => {
  const root = newRoot()
  await using storage = openFileStorage(root)
  const bytes = randomBytes(2, 1_000_000)
  const digest = await pushBlob(storage, bytes)
  const wrong = Buffer.from(bytes)
  wrong[10] = (wrong[10] ?? 0) ^ 1
  writeFileSync(blobFile(root, digest), wrong)
  let received = 0
  const read = async (): Promise<void> => {
    for await (const chunk of await storage.readBlob('app', digest)) received += (chunk as Buffer).length
  }
  await assert.rejects(read(), (e) => isMilleError(e, 'BLOB_DIGEST_MISMATCH'))
  assert.ok(received < bytes.length)
  // at once: whoever asks again after the error must not be given the damaged file once more
  assert.ok(!existsSync(blobFile(root, digest)))
  assert.equal(readdirSync(join(root, 'quarantine')).length, 1)
  assert.equal(await storage.statBlob('app', digest), undefined)
  await pushBlob(storage, bytes)
  assert.deepEqual(await buffer(await storage.readBlob('app', digest)), bytes)
})

test('what was read whole a moment ago is hashed again when its file changed', async () => {
  const root = newRoot()
  await using storage = openFileStorage(root)
  const bytes = randomBytes(4, 300_000)
  const digest = await pushBlob(storage, bytes)
  for (let time = 0; time < 3; time++)
    assert.deepEqual(await buffer(await storage.readBlob('app', digest)), bytes)
  writeFileSync(blobFile(root, digest), Buffer.alloc(bytes.length))
  await assert.rejects(buffer(await storage.readBlob('app', digest)), (e) =>
    isMilleError(e, 'BLOB_DIGEST_MISMATCH'),
  )
  assert.equal(await storage.statBlob('app', digest), undefined)
})

test('a reader of damaged bytes does not take away the blob that replaced them', async () => {
  const root = newRoot()
  await using storage = openFileStorage(root)
  const bytes = randomBytes(3, 2_000_000)
  const digest = await pushBlob(storage, bytes)
  writeFileSync(blobFile(root, digest), Buffer.alloc(bytes.length))
  const damaged = await storage.readBlob('app', digest)
  await pushBlob(storage, bytes)
  await assert.rejects(buffer(damaged), (e) => isMilleError(e, 'BLOB_DIGEST_MISMATCH'))
  assert.deepEqual(await buffer(await storage.readBlob('app', digest)), bytes)
  await storage[Symbol.asyncDispose]()
  assert.ok(existsSync(blobFile(root, digest)))
})

test('a blob of another length is refused before its first byte', async () => {
  const root = newRoot()
  await using storage = openFileStorage(root)
  const digest = await pushBlob(storage, Buffer.from('twelve bytes'))
  truncateSync(blobFile(root, digest), 5)
  await assert.rejects(storage.readBlob('app', digest), (e) => isMilleError(e, 'BLOB_DAMAGED'))
  assert.equal(await storage.statBlob('app', digest), undefined)
})

test('a registry of the first format is upgraded: referrers of what it holds are found', async () => {
  const root = newRoot()
  const subject = { mediaType: mediaTypes.ociManifest, digest: sha256('subject'), size: 7 }
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], subject }),
  )
  const old = new DatabaseSync(join(root, 'registry.db'))
  old.exec(`
    CREATE TABLE repositories (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE links (repository TEXT, digest TEXT, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
    CREATE INDEX links_by_digest ON links (digest);
    CREATE TABLE manifests (repository TEXT, digest TEXT, media_type TEXT NOT NULL, bytes BLOB NOT NULL,
      PRIMARY KEY (repository, digest));
    CREATE TABLE tags (repository TEXT, tag TEXT, digest TEXT NOT NULL, PRIMARY KEY (repository, tag)) WITHOUT ROWID;
    CREATE INDEX tags_by_digest ON tags (repository, digest);
    PRAGMA user_version = 1`)
  old.prepare('INSERT INTO repositories VALUES (?)').run('app')
  old
    .prepare('INSERT INTO manifests VALUES (?, ?, ?, ?)')
    .run('app', sha256(bytes), mediaTypes.ociIndex, bytes)
  old.close()
  for (let time = 0; time < 2; time++) {
    await using storage = openFileStorage(root)
    const { descriptors } = await storage.listReferrers('app', subject.digest, { limit: 9, maxBytes: 1e6 })
    assert.deepEqual(descriptors, [
      { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), size: bytes.length },
    ])
  }
  const newer = new DatabaseSync(join(root, 'registry.db'))
  newer.exec('PRAGMA user_version = 99')
  newer.close()
  assert.throws(() => openFileStorage(root), { code: 'STORE_DAMAGED' })
})

test('a file that was put there for an upload becomes its blob, as a link; nothing else does', async () => {
  const root = newRoot()
  await using storage = openFileStorage(root)
  const { handOver } = storage
  assert.ok(handOver)
  const place = join(root, 'handover')
  assert.equal(readText(join(place, 'instance')), handOver.instance)
  const source = join(root, 'source')
  writeFileSync(source, 'handed over')
  const digest = sha256('handed over')
  const id = await storage.openUpload(owner)
  assert.equal(await handOver.finishUpload(owner, id, digest), false)
  symlinkSync(source, join(place, id))
  assert.equal(await handOver.finishUpload(owner, id, digest), false)
  rmSync(join(place, id))
  assert.equal(await handOver.finishUpload(owner, '../source', digest), false)
  linkSync(source, join(place, id))
  const other = { ...owner, user: 'bob' }
  await assert.rejects(handOver.finishUpload(other, id, digest), (e) =>
    isMilleError(e, 'BLOB_UPLOAD_UNKNOWN'),
  )
  for (let time = 0; time < 2; time++) {
    // the same blob again, for another upload
    const again = time === 0 ? id : await storage.openUpload(owner)
    if (time > 0) linkSync(source, join(place, again))
    assert.equal(await handOver.finishUpload(owner, again, digest), true)
    assert.deepEqual(readdirSync(place), ['instance'])
    assert.equal(await storage.statBlob('app', digest), 11)
    assert.equal(statSync(blobFile(root, digest)).ino, statSync(source).ino)
  }
  assert.deepEqual(readdirSync(join(root, 'uploads')), [])
  // a file with other bytes than its name says is found out as on any disk
  const wrong = await storage.openUpload(owner)
  linkSync(source, join(place, wrong))
  assert.equal(await handOver.finishUpload(owner, wrong, sha256('something else')), true)
  await assert.rejects(buffer(await storage.readBlob('app', sha256('something else'))), (e) =>
    isMilleError(e, 'BLOB_DIGEST_MISMATCH'),
  )
})
