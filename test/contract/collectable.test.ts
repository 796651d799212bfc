import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, mock, test } from 'node:test'
import { digestHex, sha256 } from '../../src/oci/digest.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { openFileStorage } from '../../src/registry/server/file-storage.ts'
import type { Collectable, CollectOptions } from '../../src/registry/server/gc/collection.ts'
import { MemoryStorage } from '../../src/registry/server/memory-storage.ts'
import type { RegistryStorage } from '../../src/registry/server/storage.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { randomBytes } from '../support/random-image.ts'

type Storage = RegistryStorage & Collectable

const top = mkdtempSync(join(tmpdir(), 'mille-collectable-'))
after(() => rmSync(top, { recursive: true }))

function check(title: string, body: (storage: Storage) => Promise<void>): void {
  const drivers: Record<string, () => Storage> = {
    memory: () => new MemoryStorage(),
    files: () => openFileStorage(mkdtempSync(join(top, 'root-'))),
  }
  for (const [name, open] of Object.entries(drivers)) {
    test(`${name}: ${title}`, async () => {
      await using storage = open()
      await body(storage)
    })
  }
}

const now: CollectOptions = { retention: [], grace: 0, dryRun: false }

async function pushBlob(storage: Storage, repository: string, content: string): Promise<Digest> {
  const owner = { repository, user: '' }
  const id = await storage.openUpload(owner)
  await storage.appendUpload(owner, id, {}, Readable.from([Buffer.from(content)]))
  await storage.finishUpload(owner, id, sha256(content))
  return sha256(content)
}

async function pushManifest(
  storage: Storage,
  repository: string,
  parts: readonly Digest[],
  tags: readonly string[] = [],
): Promise<Digest> {
  const bytes = Buffer.from(JSON.stringify({ parts, salt: tags }))
  const digest = sha256(bytes)
  const mediaType = mediaTypes.ociIndex
  await storage.putManifest(repository, { mediaType, digest, bytes, blobs: [], members: parts, tags })
  return digest
}

check(
  'blobs that no manifest names go, others stay; a dry run says the same and changes nothing',
  async (storage) => {
    const [kept, loose, shared] = [
      await pushBlob(storage, 'app', 'kept'),
      await pushBlob(storage, 'app', 'loose!'),
      await pushBlob(storage, 'app', 'shared'),
    ]
    await pushManifest(storage, 'app', [kept])
    await storage.mountBlob('other', shared, 'app')
    await pushManifest(storage, 'other', [shared], ['v1'])
    const dry = await storage.collect({ ...now, dryRun: true })
    assert.deepEqual(
      dry.blobs.map(({ repository, digest }) => [repository, digest]).sort(),
      [
        ['app', loose],
        ['app', shared],
      ].sort(),
    )
    assert.equal(dry.freed, 'loose!'.length)
    assert.equal(await storage.statBlob('app', loose), 6)
    const real = await storage.collect(now)
    assert.deepEqual({ ...real, dryRun: true }, dry)
    assert.equal(await storage.statBlob('app', loose), undefined)
    assert.equal(await storage.statBlob('app', shared), undefined)
    assert.equal((await buffer(await storage.readBlob('other', shared))).toString(), 'shared')
    assert.equal((await buffer(await storage.readBlob('app', kept))).toString(), 'kept')
    assert.deepEqual((await storage.collect(now)).blobs, [])
  },
)

check('what is young stays', async (storage) => {
  await pushBlob(storage, 'app', 'blob')
  const young = await storage.collect({ ...now, grace: 3_600_000 })
  assert.deepEqual([young.blobs, young.kept], [[], 1])
})

check('retention: tags and untagged manifests go, and with them their blobs', async (storage) => {
  const retention = [{ repositories: ['team/**'], keepLast: 2, keepTags: ['stable'], untagged: 0 }]
  const blobs: Digest[] = []
  for (const tag of ['stable', 'v1', 'v2', 'v3']) {
    const blob = await pushBlob(storage, 'team/app', tag)
    blobs.push(blob)
    const child = await pushManifest(storage, 'team/app', [blob])
    await pushManifest(storage, 'team/app', [child], [tag])
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
  await pushManifest(storage, 'elsewhere', [], [])
  await new Promise((resolve) => setTimeout(resolve, 3))
  const options = { ...now, retention }
  const dry = await storage.collect({ ...options, dryRun: true })
  assert.deepEqual(
    dry.tags.map(({ tag }) => tag),
    ['v1'],
  )
  assert.equal(dry.manifests.length, 2)
  assert.deepEqual(dry.blobs, [{ repository: 'team/app', digest: blobs[1] }])
  assert.deepEqual({ ...(await storage.collect(options)), dryRun: true }, dry)
  assert.deepEqual(await storage.listTags('team/app', { limit: 9 }), ['stable', 'v2', 'v3'])
  assert.deepEqual(await storage.listTags('elsewhere', { limit: 9 }), [])
  assert.equal(await storage.statBlob('team/app', blobs[1] ?? sha256('')), undefined)
  assert.equal(await storage.statBlob('team/app', blobs[0] ?? sha256('')), 6)
})

check('a tag that was pulled lately stays', async (storage) => {
  const hour = 3_600_000
  const start = Date.now()
  mock.timers.enable({ apis: ['Date'], now: start })
  try {
    for (const tag of ['a', 'b']) await pushManifest(storage, 'app', [], [tag])
    mock.timers.setTime(start + 2 * hour)
    await storage.findManifest('app', 'a')
    mock.timers.setTime(start + 2.5 * hour)
    const { tags } = await storage.collect({
      ...now,
      retention: [{ repositories: ['**'], keepPulledWithin: hour }],
    })
    assert.deepEqual(
      tags.map(({ tag }) => tag),
      ['b'],
    )
  } finally {
    mock.timers.reset()
  }
})

check(
  'B-RG-10: what a manifest was taken with stays, whatever collections run at the same time',
  async (storage) => {
    const collections: Promise<unknown>[] = []
    // without any grace: a blob may go before its manifest comes, which is then refused
    const collect = (): void => void collections.push(storage.collect(now))
    const push = async (contents: readonly string[], bytes: Buffer): Promise<readonly Digest[]> => {
      for (let attempt = 0; ; attempt++) {
        const blobs: Digest[] = []
        for (const content of contents) {
          const known = await storage.statBlob('app', sha256(content))
          if (attempt === 0) collect()
          blobs.push(known === undefined ? await pushBlob(storage, 'app', content) : sha256(content))
        }
        const descriptors = blobs.map((digest, index) => ({
          mediaType: mediaTypes.ociLayer,
          digest,
          size: contents[index]?.length ?? 0,
        }))
        const manifest = {
          mediaType: mediaTypes.ociManifest,
          digest: sha256(bytes),
          bytes,
          blobs: descriptors,
        }
        if (attempt === 0) collect()
        try {
          await storage.putManifest('app', manifest)
          return blobs
        } catch (error) {
          if (!isMilleError(error, 'MANIFEST_BLOB_UNKNOWN')) throw error
        }
      }
    }
    const work = async (worker: number): Promise<void> => {
      for (let round = 0; round < 5; round++) {
        // some blobs are everybody's, so that they are unlinked and pushed again all the time
        const contents = [`shared ${round % 2}`, `own ${worker} ${round}`]
        const bytes = Buffer.from(JSON.stringify({ worker, round }))
        const blobs = await push(contents, bytes)
        collect()
        for (const [index, digest] of blobs.entries()) {
          const found = await buffer(await storage.readBlob('app', digest))
          assert.equal(found.toString(), contents[index])
        }
        await storage.deleteManifest('app', sha256(bytes))
      }
    }
    await Promise.all([work(1), work(2), work(3)])
    await Promise.all(collections)
    await storage.collect(now)
    assert.equal(await storage.listTags('app', { limit: 1 }), undefined)
  },
)

check('scrub finds nothing where nothing is wrong', async (storage) => {
  await pushManifest(storage, 'app', [await pushBlob(storage, 'app', 'content')], ['v1'])
  assert.deepEqual(await storage.scrub(), { blobs: 1, bytes: 7, damaged: [] })
})

test('scrub names what needs a damaged or missing blob, and puts it aside', async () => {
  const root = mkdtempSync(join(top, 'scrub-'))
  await using storage = openFileStorage(root)
  const whole = await pushBlob(storage, 'app', 'whole')
  const damaged = await pushBlob(storage, 'app', 'damaged')
  const missing = await pushBlob(storage, 'app', 'missing')
  await storage.mountBlob('other', damaged, 'app')
  await pushManifest(storage, 'app', [whole, damaged, missing], ['v1', 'v2'])
  await pushManifest(storage, 'other', [damaged])
  const path = (digest: Digest): string => join(root, 'blobs', 'sha256', digestHex(digest))
  writeFileSync(path(damaged), 'DAMAGED')
  rmSync(path(missing))
  const report = await storage.scrub()
  assert.equal(report.blobs, 3)
  const needed = new Map(report.damaged.map((found) => [found.digest, found.needed]))
  assert.deepEqual(needed.get(damaged), ['app:v1', 'app:v2', 'other'])
  assert.deepEqual(needed.get(missing), ['app:v1', 'app:v2'])
  assert.equal(needed.size, 2)
  for (const digest of [damaged, missing]) {
    assert.equal(await storage.statBlob('app', digest), undefined)
    await assert.rejects(storage.readBlob('app', digest), (error) => isMilleError(error, 'BLOB_UNKNOWN'))
  }
  assert.deepEqual((await storage.scrub()).damaged, [])
  await pushBlob(storage, 'app', 'damaged')
  assert.equal((await buffer(await storage.readBlob('app', damaged))).toString(), 'damaged')
})

test('bytes that a killed process left without a name are collected', async () => {
  const root = mkdtempSync(join(top, 'stray-'))
  await using storage = openFileStorage(root)
  const bytes = randomBytes(1, 1000)
  writeFileSync(join(root, 'blobs', 'sha256', digestHex(sha256(bytes))), bytes)
  assert.equal((await storage.collect({ ...now, dryRun: true })).freed, 1000)
  assert.equal((await storage.collect(now)).freed, 1000)
  assert.equal((await storage.collect(now)).freed, 0)
})
