import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { openTempStore } from '../../../test/support/temp-store.ts'
import { sha256 } from '../../oci/digest.ts'
import { isMilleError } from '../../util/errors.ts'
import { readText } from '../../util/read-text.ts'

const bytes = randomBytes(700_000)
const target = { mediaType: 'x', digest: sha256(bytes), size: bytes.length }
const hex = target.digest.slice(7)

test('the folder is an OCI image layout that nobody else may enter', async () => {
  await using store = await openTempStore()
  await store.content.ingest(bytes)
  assert.deepEqual(readFileSync(join(store.root, 'blobs/sha256', hex)), bytes)
  assert.deepEqual(JSON.parse(readText(join(store.root, 'oci-layout'))), {
    imageLayoutVersion: '1.0.0',
  })
  assert.equal(statSync(store.root).mode & 0o777, 0o700)
  assert.deepEqual(readdirSync(join(store.root, 'ingest')), [])
})

const damages: Readonly<Record<string, (path: string) => void>> = {
  'cut short': (path) => {
    truncateSync(path, 1000)
  },
  empty: (path) => {
    truncateSync(path, 0)
  },
  'made longer': (path) => {
    appendFileSync(path, 'x')
  },
  'with one bit flipped': (path) => {
    const wrong = Buffer.from(bytes)
    wrong[350_000] = (wrong[350_000] ?? 0) ^ 1
    writeFileSync(path, wrong)
  },
  'replaced by a folder': (path) => {
    rmSync(path)
    mkdirSync(path)
  },
  'replaced by a fifo': (path) => {
    rmSync(path)
    execFileSync('mkfifo', [path])
  },
  'replaced by a link to the right bytes': (path) => {
    renameSync(path, `${path}-moved`)
    symlinkSync(`${path}-moved`, path)
  },
}

for (const [what, damage] of Object.entries(damages)) {
  test(
    `a blob ${what} is never served, goes to quarantine and can come again`,
    { timeout: 10_000 },
    async () => {
      await using store = await openTempStore()
      await store.content.ingest(bytes)
      damage(store.content.path(target.digest))
      assert.ok((await store.check()).some(({ object }) => object === target.digest))
      const fetch = async (): Promise<Buffer> => buffer(await store.content.fetch(target))
      await assert.rejects(fetch(), (error) => isMilleError(error, 'BLOB_DAMAGED'))
      assert.equal(await store.content.stat(target.digest), undefined)
      assert.equal(readdirSync(join(store.root, 'quarantine')).length, 1)
      await store.content.push(target, Readable.from([bytes], { objectMode: false }))
      assert.deepEqual(await fetch(), bytes)
    },
  )
}

test('a descriptor that lies about the size does not cost a good blob', async () => {
  await using store = await openTempStore()
  await store.content.ingest(bytes)
  const lie = { ...target, size: 5 }
  await assert.rejects(store.content.fetch(lie), (error) => isMilleError(error, 'BLOB_SIZE_MISMATCH'))
  assert.equal(await store.content.exists(lie), false)
  assert.deepEqual(await buffer(await store.content.fetch(target)), bytes)
})

test('a new blob takes the place of a damaged one of another size', async () => {
  await using store = await openTempStore()
  await store.content.ingest(bytes)
  truncateSync(store.content.path(target.digest), 10)
  await store.content.ingest(bytes)
  assert.deepEqual(await store.content.read(target.digest), bytes)
})

test('read has a limit; a digest that is a path is refused', async () => {
  await using store = await openTempStore()
  await store.content.ingest(bytes)
  await assert.rejects(store.content.read(target.digest, 100), (error) =>
    isMilleError(error, 'BLOB_TOO_LARGE'),
  )
  assert.throws(
    () => store.content.path('sha256:../../etc/passwd' as never),
    (error) => isMilleError(error, 'DIGEST_INVALID'),
  )
})

test('an endless body is cut off at the announced size', { timeout: 10_000 }, async () => {
  await using store = await openTempStore()
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(65_536))
    },
  })
  const push = store.content.push({ ...target, size: 100_000 }, endless)
  await assert.rejects(push, (error) => isMilleError(error, 'BLOB_SIZE_MISMATCH'))
  assert.ok(endless.destroyed)
  assert.deepEqual(readdirSync(join(store.root, 'ingest')), [])
})

test('a file made aside is adopted; when the blob is there the file goes', async () => {
  await using store = await openTempStore()
  for (const _ of [1, 2]) {
    const path = store.content.temporaryPath()
    writeFileSync(path, bytes)
    await store.content.adopt(path, { digest: target.digest, size: bytes.length })
  }
  assert.deepEqual(await store.content.read(target.digest), bytes)
  assert.deepEqual(readdirSync(join(store.root, 'ingest')), [])
  assert.deepEqual(await Array.fromAsync(store.content.list()), [
    { digest: target.digest, size: bytes.length },
  ])
})

test('a writer goes on where the last one of its key stopped', async () => {
  await using store = await openTempStore()
  {
    await using writer = await store.content.openWriter('pull x')
    await writer.write(bytes.subarray(0, 400_000))
  }
  await using writer = await store.content.openWriter('pull x')
  assert.equal(writer.offset, 400_000)
  await writer.truncate(300_000)
  await writer.write(bytes.subarray(300_000))
  assert.deepEqual(await writer.commit({ digest: target.digest }), {
    digest: target.digest,
    size: bytes.length,
  })
  assert.deepEqual(await store.content.read(target.digest), bytes)
  await using fresh = await store.content.openWriter('pull x')
  assert.equal(fresh.offset, 0)
})

test('wrong bytes are dropped by commit, so that a resume cannot go on with them', async () => {
  await using store = await openTempStore()
  {
    await using writer = await store.content.openWriter('key')
    await writer.write(Buffer.from('wrong'))
    await assert.rejects(writer.commit(target), (error) => isMilleError(error, 'BLOB_SIZE_MISMATCH'))
  }
  await using writer = await store.content.openWriter('key')
  assert.equal(writer.offset, 0)
  assert.equal(await store.content.exists(target), false)
})

test('one writer per key: the second waits for the first', async () => {
  await using store = await openTempStore()
  const first = await store.content.openWriter('key')
  let opened = false
  const second = store.content.openWriter('key').then((writer) => {
    opened = true
    return writer
  })
  await first.write(Buffer.from('abc'))
  assert.equal(opened, false)
  await first[Symbol.asyncDispose]()
  await using writer = await second
  assert.equal(writer.offset, 3)
})

test('after kill -9 a resumable download keeps its bytes, other unfinished files go at the next open', async () => {
  await using store = await openTempStore()
  const child = spawn(process.execPath, [
    '--input-type=module-typescript',
    '-e',
    `import { openStore } from ${JSON.stringify(new URL('../open-store.ts', import.meta.url).href)}
     import { Readable } from 'node:stream'
     const store = await openStore(${JSON.stringify(store.root)})
     const writer = await store.content.openWriter('download')
     await writer.write(Buffer.alloc(1000, 'a'))
     void store.content.ingest(new Readable({ read() {} })).catch(() => {})
     setTimeout(() => console.log('ready'), 20)
     setTimeout(() => {}, 60000)`,
  ])
  await once(child.stdout, 'data')
  const unfinished = (): string[] =>
    readdirSync(join(store.root, 'ingest')).filter((name) => name.startsWith('tmp-'))
  assert.equal(unfinished().length, 1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const { openStore } = await import('../open-store.ts')
  await using again = await openStore(store.root)
  assert.deepEqual(unfinished(), [])
  await using writer = await again.content.openWriter('download')
  assert.equal(writer.offset, 1000)
  const info = await writer.commit({ size: 1000 })
  assert.equal(info.digest, sha256(Buffer.alloc(1000, 'a')))
})
