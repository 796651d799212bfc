import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { plainDraft } from '../../../test/support/plain-image.ts'
import { openTempStore } from '../../../test/support/temp-store.ts'
import { isMilleError } from '../../util/errors.ts'
import { openStore } from '../open-store.ts'
import { migrations } from './migrations.ts'

/** A closed store with one image. */
async function closedStore(): Promise<{ readonly root: string } & AsyncDisposable> {
  const root = mkdtempSync(join(tmpdir(), 'mille-closed-'))
  const store = await openStore(root)
  await store.images.create(await plainDraft(store, ['a'], ['localhost/a:1']))
  await store[Symbol.asyncDispose]()
  return {
    root,
    async [Symbol.asyncDispose]() {
      rmSync(root, { recursive: true, force: true })
    },
  }
}

const damages: Readonly<Record<string, (database: string) => void>> = {
  'is missing': (path) => {
    rmSync(path)
  },
  'is empty': (path) => {
    truncateSync(path, 0)
  },
  'has a zeroed header': (path) => {
    const file = openSync(path, 'r+')
    writeSync(file, Buffer.alloc(100), 0, 100, 0)
    closeSync(file)
  },
  'is another kind of file': (path) => {
    copyFileSync(process.execPath, path)
  },
}

for (const [what, damage] of Object.entries(damages)) {
  test(`a store whose database ${what} is refused and keeps its blobs`, async () => {
    await using closed = await closedStore()
    const path = join(closed.root, 'mille.db')
    damage(path)
    const size = statSync(path, { throwIfNoEntry: false })?.size
    for (const _ of [1, 2]) {
      await assert.rejects(openStore(closed.root), (error) => isMilleError(error, 'STORE_DAMAGED'))
    }
    assert.equal(readdirSync(join(closed.root, 'blobs/sha256')).length, 3)
    assert.equal(statSync(path, { throwIfNoEntry: false })?.size, size)
  })
}

test('a log cut at any point opens: the last transactions are whole or absent', async () => {
  await using store = await openTempStore()
  for (const text of ['1', '2', '3'])
    await store.images.create(await plainDraft(store, [text], [`localhost/a:${text}`]))
  const length = statSync(join(store.root, 'mille.db-wal')).size
  for (let part = 0; part <= 12; part++) {
    const copy = `${store.root}-cut`
    cpSync(store.root, copy, { recursive: true })
    rmSync(join(copy, 'mille.db-shm'))
    truncateSync(join(copy, 'mille.db-wal'), Math.floor((length * part) / 12))
    try {
      await using cut = await openStore(copy)
      const images = cut.images.list()
      assert.deepEqual(
        images.map(({ names }) => names),
        [['localhost/a:1'], ['localhost/a:2'], ['localhost/a:3']].slice(0, images.length),
      )
      assert.deepEqual(await cut.check(), [])
      if (part === 12) assert.equal(images.length, 3)
    } finally {
      rmSync(copy, { recursive: true })
    }
  }
})

test('a store whose log was deleted is refused and told what to do, not taken for an older one', async () => {
  await using closed = await closedStore()
  const left = await openStore(closed.root, { processEnds: true })
  await left.images.create(await plainDraft(left, ['b'], ['localhost/b:1']))
  await left[Symbol.asyncDispose]()
  const root = `${closed.root}-copy`
  const isLog = (path: string): boolean => /mille\.db-(wal|shm)$/.test(path)
  cpSync(closed.root, root, { recursive: true, filter: (path) => !isLog(path) })
  try {
    await assert.rejects(openStore(root), (error) => {
      return (
        isMilleError(error, 'STORE_DAMAGED') && /mille\.db-wal is missing.*mille\.db-log/.test(error.message)
      )
    })
    rmSync(join(root, 'mille.db-log'))
    const opened = await openStore(root)
    assert.deepEqual(
      opened.images.list().map(({ names }) => names),
      [['localhost/a:1']],
    )
    await opened[Symbol.asyncDispose]()
  } finally {
    rmSync(root, { recursive: true })
  }
})

test('a newer format is refused, naming both', async () => {
  await using closed = await closedStore()
  const database = new DatabaseSync(join(closed.root, 'mille.db'))
  database.exec('PRAGMA user_version = 999')
  database.close()
  await assert.rejects(
    openStore(closed.root),
    (error) =>
      isMilleError(error, 'STORE_TOO_NEW') &&
      error.message.includes('999') &&
      error.message.includes(` ${String(migrations.length)}:`),
  )
})

test(
  'many processes write at once: no one sees a locked database, no update is lost',
  { timeout: 60_000 },
  async () => {
    await using store = await openTempStore()
    const rows = store.records<number>('volume')
    rows.insert({ id: 'counter', name: 'counter', data: 0 })
    const script = `
    import { openStore } from ${JSON.stringify(new URL('../open-store.ts', import.meta.url).href)}
    for (let turn = 0; turn < 10; turn++) {
      await using store = await openStore(${JSON.stringify(store.root)})
      await using lease = await store.lease('test')
      for (let n = 0; n < 10; n++) {
        store.records('volume').update('counter', (value) => value + 1)
        const { digest } = await store.content.ingest(Buffer.from(String(process.pid) + turn + n), { lease })
        if (!(await store.content.stat(digest))) throw new Error('lost')
      }
      store.images.list()
    }`
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
    )
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit')) as unknown[]))
    assert.deepEqual(
      codes,
      children.map(() => [0, null]),
    )
    assert.equal(rows.get('counter')?.data, 400)
  },
)

test('processes that open a new store at the same time all get it', { timeout: 60_000 }, async () => {
  await using store = await openTempStore()
  const root = join(store.root, 'inner')
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../open-store.ts', import.meta.url).href)}
    await using store = await openStore(${JSON.stringify(root)})
    store.records('volume').insert({ id: String(process.pid), name: String(process.pid), data: 1 })`
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      stdio: ['ignore', 'inherit', 'inherit'],
    }),
  )
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit')) as unknown[]))
  assert.deepEqual(
    codes,
    children.map(() => [0, null]),
  )
  await using inner = await openStore(root)
  assert.equal(inner.records('volume').list().length, 4)
})
