import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../src/store/open-store.ts'
import { plainDraft } from '../support/plain-image.ts'

const here = import.meta.dirname
const killAt = join(here, '../support/kill-at.ts')

/** One command's work: a build of small layers, an image in place of an old one, a collection. */
const work = (root: string): string => `
  import { openStore } from ${JSON.stringify(join(here, '../../src/store/open-store.ts'))}
  import { plainDraft } from ${JSON.stringify(join(here, '../support/plain-image.ts'))}
  import { Readable } from 'node:stream'
  await using store = await openStore(${JSON.stringify(root)})
  {
    await using lease = await store.lease('build', { deferred: true })
    const draft = await plainDraft(store, ['base', 'new'], ['localhost/app:1'], lease)
    await store.images.create(draft, lease)
  }
  await store.content.ingest(Readable.from([Buffer.from('durable')], { objectMode: false }))
  const [old] = store.images.list()
  store.images.remove(old.id)
  await store.collect()`
import { umount } from '../support/umount.ts'

test(
  'kill -9 before one of its steps: the next command finds a whole store and finishes',
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mille-kill-'))
    try {
      const start = join(folder, 'start')
      {
        await using store = await openStore(start)
        await store.images.create(
          await plainDraft(store, ['base', 'old'], ['localhost/app:1', 'localhost/app:old']),
        )
      }
      let killed = 0
      // every fourth point, others in the next run: one process a point takes its time
      for (let n = 1 + (process.pid % 4); ; n += 4) {
        const root = join(folder, `killed-${String(n)}`)
        cpSync(start, root, { recursive: true })
        const child = spawn(
          process.execPath,
          ['--import', killAt, '--input-type=module-typescript', '-e', work(root)],
          { stdio: 'inherit', env: { ...process.env, MILLE_KILL_AT: String(n) } },
        )
        const [code, signal] = (await once(child, 'exit')) as unknown[]
        await inspect(root, n)
        umount(root)
        rmSync(root, { recursive: true })
        if (signal === null) {
          assert.equal(code, 0)
          break
        }
        assert.equal(signal, 'SIGKILL')
        killed += 1
      }
      assert.ok(killed > 15, `only ${String(killed)} points`)
    } finally {
      umount(folder)
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

async function inspect(root: string, n: number): Promise<void> {
  await using store = await openStore(root)
  const at = `killed before step ${String(n)}`
  assert.deepEqual(await store.check(), [], at)
  const images = store.images.list()
  assert.ok(images.length === 1 || images.length === 2, at)
  assert.ok(store.images.find('localhost/app:1'), at)
  await store.collect()
  assert.deepEqual(await store.check(), [], at)
  for (const folder of ['ingest', 'trash', 'quarantine']) {
    assert.deepEqual(readdirSync(join(root, folder)), [], `${folder}, ${at}`)
  }
  const wanted = new Set(
    images.flatMap(({ config, id, manifest }) => [id, manifest.digest, ...config.rootfs.diff_ids]),
  )
  assert.equal(readdirSync(join(root, 'blobs/sha256')).length, wanted.size, at)
}
