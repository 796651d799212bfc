import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import type { NewManifest, RegistryStorage } from '../../src/registry/server/storage.ts'
import { isMilleError } from '../../src/util/errors.ts'
import type { ErrorCode } from '../../src/util/errors.ts'
import { randomBytes } from '../support/random-image.ts'

export type OpenStorage = (options: { readonly maxUploads: number }) => Promise<RegistryStorage>

const owner = { repository: 'team/app', user: 'ann' }

/** What every RegistryStorage must do. */
export function testRegistryStorage(name: string, openStorage: OpenStorage): void {
  const check = (title: string, body: (storage: RegistryStorage) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      await using storage = await openStorage({ maxUploads: 5 })
      await body(storage)
    })
  }
  uploadTests(check)
  blobTests(check)
  manifestTests(check)
}

type Check = (title: string, body: (storage: RegistryStorage) => Promise<void>) => void

function uploadTests(check: Check): void {
  check('an upload in pieces becomes a blob, and asking twice changes nothing', async (storage) => {
    const bytes = randomBytes(1, 2_500_000)
    const id = await storage.openUpload(owner)
    assert.match(id, /^[0-9a-f]{32}$/)
    assert.equal(await storage.uploadOffset(owner, id), 0)
    assert.equal(
      await storage.appendUpload(owner, id, { start: 0, length: 1000 }, pieces(bytes.subarray(0, 1000))),
      1000,
    )
    assert.equal(await storage.appendUpload(owner, id, {}, pieces(bytes.subarray(1000))), bytes.length)
    assert.equal(await storage.uploadOffset(owner, id), bytes.length)
    const digest = sha256(bytes)
    assert.equal(await storage.statBlob(owner.repository, digest), undefined)
    await storage.finishUpload(owner, id, digest)
    await storage.finishUpload(owner, id, digest)
    assert.equal(await storage.statBlob(owner.repository, digest), bytes.length)
    assert.deepEqual(await buffer(await storage.readBlob(owner.repository, digest)), bytes)
    await rejects(storage.finishUpload({ ...owner, user: 'bob' }, id, digest), 'BLOB_UPLOAD_UNKNOWN')
    await rejects(storage.uploadOffset(owner, id), 'BLOB_UPLOAD_UNKNOWN')
  })

  check('a chunk that does not fit where the upload stands changes nothing', async (storage) => {
    const id = await storage.openUpload(owner)
    await storage.appendUpload(owner, id, { start: 0, length: 10 }, pieces(Buffer.alloc(10)))
    for (const start of [0, 5, 11, 2 ** 40]) {
      const error = await rejects(
        storage.appendUpload(owner, id, { start, length: 1 }, pieces(Buffer.alloc(1))),
        'UPLOAD_RANGE',
      )
      assert.equal(error.details['offset'], 10)
    }
    for (const found of [4, 6]) {
      const body = pieces(Buffer.alloc(found))
      await rejects(storage.appendUpload(owner, id, { start: 10, length: 5 }, body), 'SIZE_INVALID')
      assert.equal(await storage.uploadOffset(owner, id), 10)
    }
    await storage.appendUpload(owner, id, { start: 10, length: 5 }, pieces(Buffer.alloc(5, 1)))
    await storage.finishUpload(owner, id, sha256(Buffer.concat([Buffer.alloc(10), Buffer.alloc(5, 1)])))
  })

  check('a body that breaks off leaves what came, and the upload goes on from there', async (storage) => {
    const bytes = randomBytes(2, 700_000)
    const id = await storage.openUpload(owner)
    const cut = Readable.from(
      (function* () {
        yield bytes.subarray(0, 300_000)
        throw new Error('connection reset')
      })(),
    )
    await assert.rejects(storage.appendUpload(owner, id, { length: bytes.length }, cut), /connection reset/)
    assert.equal(await storage.uploadOffset(owner, id), 300_000)
    await storage.appendUpload(owner, id, { start: 300_000 }, pieces(bytes.subarray(300_000)))
    await storage.finishUpload(owner, id, sha256(bytes))
    assert.deepEqual(await buffer(await storage.readBlob(owner.repository, sha256(bytes))), bytes)
  })

  check('a wrong digest ends the upload and keeps nothing', async (storage) => {
    const id = await storage.openUpload(owner)
    await storage.appendUpload(owner, id, {}, pieces(Buffer.from('abc')))
    await rejects(storage.finishUpload(owner, id, sha256('other')), 'UPLOAD_DIGEST_MISMATCH')
    await rejects(storage.finishUpload(owner, id, sha256('abc')), 'BLOB_UPLOAD_UNKNOWN')
    assert.equal(await storage.statBlob(owner.repository, sha256('abc')), undefined)
  })

  check('only its owner sees an upload', async (storage) => {
    const id = await storage.openUpload(owner)
    const others = [
      { ...owner, user: 'bob' },
      { ...owner, repository: 'team/other' },
    ]
    for (const other of others) {
      await rejects(storage.uploadOffset(other, id), 'BLOB_UPLOAD_UNKNOWN')
      await rejects(storage.appendUpload(other, id, {}, pieces(Buffer.from('x'))), 'BLOB_UPLOAD_UNKNOWN')
      await rejects(storage.finishUpload(other, id, sha256('')), 'BLOB_UPLOAD_UNKNOWN')
      await rejects(storage.cancelUpload(other, id), 'BLOB_UPLOAD_UNKNOWN')
    }
    for (const unknown of ['', '..', '../registry.db', 'f'.repeat(32)]) {
      await rejects(storage.uploadOffset(owner, unknown), 'BLOB_UPLOAD_UNKNOWN')
    }
    assert.equal(await storage.uploadOffset(owner, id), 0)
  })

  check('uploads are limited, cancelled, and removed when stale', async (storage) => {
    const ids = []
    for (let count = 0; count < 5; count++) ids.push(await storage.openUpload(owner))
    await rejects(storage.openUpload(owner), 'TOO_MANY_UPLOADS')
    await storage.cancelUpload(owner, ids[0] ?? '')
    await rejects(storage.cancelUpload(owner, ids[0] ?? ''), 'BLOB_UPLOAD_UNKNOWN')
    assert.equal(await storage.expireUploads(60_000), 0)
    assert.equal(await storage.expireUploads(0), 4)
    await rejects(storage.uploadOffset(owner, ids[1] ?? ''), 'BLOB_UPLOAD_UNKNOWN')
    await storage.openUpload(owner)
  })

  check('two uploads of the same bytes that end at once are one blob', async (storage) => {
    const digest = sha256('same')
    const ids = await Promise.all([storage.openUpload(owner), storage.openUpload(owner)])
    await Promise.all(ids.map((id) => storage.appendUpload(owner, id, {}, pieces(Buffer.from('same')))))
    await Promise.all(ids.map((id) => storage.finishUpload(owner, id, digest)))
    assert.equal((await buffer(await storage.readBlob(owner.repository, digest))).toString(), 'same')
  })
}

function blobTests(check: Check): void {
  check('parts of a blob, and the empty blob', async (storage) => {
    const digest = await pushBlob(storage, owner.repository, Buffer.from('0123456789'))
    const part = await storage.readBlob(owner.repository, digest, { start: 3, end: 5 })
    assert.equal((await buffer(part)).toString(), '345')
    const empty = await pushBlob(storage, owner.repository, Buffer.alloc(0))
    assert.equal(await storage.statBlob(owner.repository, empty), 0)
    assert.equal((await buffer(await storage.readBlob(owner.repository, empty))).length, 0)
  })

  check('a blob belongs to the repositories it was pushed or mounted to', async (storage) => {
    const digest = await pushBlob(storage, 'one', Buffer.from('shared'))
    assert.equal(await storage.statBlob('two', digest), undefined)
    await rejects(storage.readBlob('two', digest), 'BLOB_UNKNOWN')
    assert.equal(await storage.mountBlob('two', digest, 'three'), false)
    assert.equal(await storage.mountBlob('two', digest, 'one'), true)
    assert.equal(await storage.deleteBlob('one', digest), true)
    assert.equal(await storage.deleteBlob('one', digest), false)
    assert.equal(await storage.statBlob('one', digest), undefined)
    assert.equal((await buffer(await storage.readBlob('two', digest))).toString(), 'shared')
    assert.equal(await storage.deleteBlob('two', digest), true)
    assert.equal(await pushBlob(storage, 'one', Buffer.from('shared')), digest)
    assert.equal(await storage.statBlob('one', digest), 6)
  })

  check('a read under way ends well when the blob is deleted', async (storage) => {
    const bytes = randomBytes(3, 3_000_000)
    const digest = await pushBlob(storage, 'one', bytes)
    const body = await storage.readBlob('one', digest)
    await storage.deleteBlob('one', digest)
    assert.deepEqual(await buffer(body), bytes)
  })
}

function manifestTests(check: Check): void {
  check('manifests by tag and digest; a tag moves; deleting', async (storage) => {
    const first = manifest('first')
    const second = manifest('second')
    await storage.putManifest('app', { ...first, tags: ['latest'] })
    await storage.putManifest('app', { ...first, tags: ['v1'] })
    await storage.putManifest('app', { ...second, tags: ['latest'] })
    assert.deepEqual(await storage.findManifest('app', 'latest'), stored(second))
    assert.deepEqual(await storage.findManifest('app', first.digest), stored(first))
    assert.equal(await storage.findManifest('other', first.digest), undefined)
    assert.deepEqual(await storage.listTags('app', { limit: 10 }), ['latest', 'v1'])
    assert.equal(await storage.deleteTag('app', 'latest'), true)
    assert.equal(await storage.deleteTag('app', 'latest'), false)
    assert.deepEqual(await storage.findManifest('app', second.digest), stored(second))
    assert.equal(await storage.deleteManifest('app', first.digest), true)
    assert.equal(await storage.deleteManifest('app', first.digest), false)
    assert.deepEqual(await storage.listTags('app', { limit: 10 }), [])
    assert.equal(await storage.deleteManifest('app', second.digest), true)
    assert.equal(await storage.listTags('app', { limit: 10 }), undefined)
  })

  check('what is only created moves no tag', async (storage) => {
    const first = manifest('first')
    await storage.putManifest('app', { ...first, tags: ['v1'], createOnly: true })
    const second = { ...manifest('second'), createOnly: true }
    await rejects(storage.putManifest('app', { ...second, tags: ['v1'] }), 'TAG_IMMUTABLE')
    assert.equal(await storage.findManifest('app', second.digest), undefined)
    await storage.putManifest('app', { ...first, tags: ['v1'], createOnly: true })
    await storage.putManifest('app', { ...second, tags: ['v2'] })
    assert.deepEqual(await storage.findManifest('app', 'v1'), stored(first))
    await storage.putManifest('app', { ...second, tags: ['v1'], createOnly: false })
    assert.deepEqual(await storage.findManifest('app', 'v1'), stored(second))
  })

  check('a manifest needs its blobs, of the sizes it says', async (storage) => {
    const digest = await pushBlob(storage, 'app', Buffer.from('config'))
    const blob = { mediaType: mediaTypes.ociConfig, digest, size: 6 }
    const missing = { ...blob, digest: sha256('missing') }
    const error = await rejects(
      storage.putManifest('app', { ...manifest('m'), blobs: [blob, missing], tags: ['x'] }),
      'MANIFEST_BLOB_UNKNOWN',
    )
    assert.equal(error.details['digest'], missing.digest)
    await rejects(
      storage.putManifest('app', { ...manifest('m'), blobs: [{ ...blob, size: 7 }] }),
      'MANIFEST_INVALID',
    )
    assert.equal(await storage.findManifest('app', 'x'), undefined)
    await rejects(storage.putManifest('other', { ...manifest('m'), blobs: [blob] }), 'MANIFEST_BLOB_UNKNOWN')
    await storage.putManifest('app', { ...manifest('m'), blobs: [blob] })
  })

  check('referrers of a subject, whether or not that is there, until they are deleted', async (storage) => {
    const subject = sha256('subject')
    const put = async (text: string, artifactType: string): Promise<NewManifest> => {
      const descriptor = {
        mediaType: mediaTypes.ociManifest,
        digest: sha256(text),
        size: text.length,
        artifactType,
      }
      const pushed = { ...manifest(text), referrer: { subject, descriptor } }
      await storage.putManifest('app', pushed)
      return pushed
    }
    const attach = (text: string, type: string) =>
      put(
        JSON.stringify({
          ...document,
          subject: { ...document.config, digest: subject },
          annotations: { text },
        }),
        type,
      )
    const pushed = [
      await attach('a', 'x'),
      await attach('b', 'y'),
      await attach('c', 'x'),
      await attach('d', 'x'),
    ]
    const sorted = pushed
      .toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
      .map(({ referrer }) => referrer?.descriptor)
    const page = { limit: 100, maxBytes: 1_000_000 }
    assert.deepEqual(await storage.listReferrers('app', subject, page), { descriptors: sorted, more: false })
    const first = await storage.listReferrers('app', subject, { ...page, limit: 3 })
    assert.deepEqual(first, { descriptors: sorted.slice(0, 3), more: true })
    const after = sorted[2]?.digest ?? ''
    const rest = await storage.listReferrers('app', subject, { ...page, after })
    assert.deepEqual(rest, { descriptors: sorted.slice(3), more: false })
    const small = await storage.listReferrers('app', subject, { ...page, maxBytes: 1 })
    assert.deepEqual(small, { descriptors: sorted.slice(0, 1), more: true })
    const typed = await storage.listReferrers('app', subject, { ...page, artifactType: 'y' })
    assert.deepEqual(typed.descriptors, [pushed[1]?.referrer?.descriptor])
    assert.deepEqual((await storage.listReferrers('other', subject, page)).descriptors, [])
    for (const { digest } of pushed) await storage.deleteManifest('app', digest)
    assert.deepEqual((await storage.listReferrers('app', subject, page)).descriptors, [])
  })

  check('names come in pages, sorted by their bytes', async (storage) => {
    for (const tag of ['b', 'B', 'a', '_c', '1'])
      await storage.putManifest('app', { ...manifest('m'), tags: [tag] })
    assert.deepEqual(await storage.listTags('app', { limit: 3 }), ['1', 'B', '_c'])
    assert.deepEqual(await storage.listTags('app', { limit: 3, after: '_c' }), ['a', 'b'])
    assert.deepEqual(await storage.listTags('app', { limit: 3, after: 'Z' }), ['_c', 'a', 'b'])
    assert.deepEqual(await storage.listTags('app', { limit: 0 }), [])
    await storage.putManifest('zoo/z', manifest('m'))
    await pushBlob(storage, 'a', Buffer.from('x'))
    assert.deepEqual(await storage.listRepositories({ limit: 9 }), ['a', 'app', 'zoo/z'])
    assert.deepEqual(await storage.listRepositories({ limit: 1, after: 'a' }), ['app'])
    await storage.deleteBlob('a', sha256('x'))
    assert.deepEqual(await storage.listRepositories({ limit: 9 }), ['app', 'zoo/z'])
  })
}

async function pushBlob(storage: RegistryStorage, repository: string, bytes: Buffer): Promise<Digest> {
  const upload = { repository, user: '' }
  const id = await storage.openUpload(upload)
  await storage.appendUpload(upload, id, {}, pieces(bytes))
  await storage.finishUpload(upload, id, sha256(bytes))
  return sha256(bytes)
}

const document = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { mediaType: mediaTypes.ociEmpty, digest: sha256('{}'), size: 2 },
  layers: [],
}

function manifest(text: string): NewManifest {
  const bytes = Buffer.from(text)
  return { mediaType: mediaTypes.ociManifest, digest: sha256(bytes), bytes, blobs: [] }
}

function stored({ mediaType, digest, bytes }: NewManifest): unknown {
  return { mediaType, digest, bytes }
}

/** As bodies come: in chunks of all sizes. */
function pieces(bytes: Buffer): Readable {
  const chunks: Buffer[] = []
  for (let at = 0, size = 1; at < bytes.length; at += size, size = Math.min(size * 3, 65_536)) {
    chunks.push(bytes.subarray(at, at + size))
  }
  return Readable.from(chunks)
}

async function rejects(
  work: Promise<unknown>,
  code: ErrorCode,
): Promise<{ readonly details: Readonly<Record<string, unknown>> }> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!isMilleError(error, code)) assert.fail(`${code} expected, got ${String(error)}`)
  return error
}
