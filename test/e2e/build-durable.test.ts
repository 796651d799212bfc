import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openStore } from '../../src/store/open-store.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { umount } from '../support/umount.ts'

/** Blobs and chains that nobody has synced yet. */
function volatile(mille: TestMille): number {
  using database = new DatabaseSync(join(mille.root, 'mille.db'), { readOnly: true })
  return Number(database.prepare('SELECT count(*) AS rows FROM volatile').get()?.['rows'])
}

/** The store is as after a power cut that took all that was never synced: its next user sees another boot. */
async function cutPower(mille: TestMille): Promise<void> {
  umount(mille.root)
  // the log of the database belongs to the store: only while it is open may another connection come and go
  await using _store = await openStore(mille.root)
  using database = new DatabaseSync(join(mille.root, 'mille.db'))
  database.exec("UPDATE meta SET value = 'another boot' WHERE key = 'boot'")
}

test("a build's layers are durable with its image; those of one that failed go with a power cut", async () => {
  using mille = testMille()
  const context = mkdtempSync(join(tmpdir(), 'mille-durable-'))
  try {
    mille.ok('image', 'bootstrap', 'busybox')
    const build = (name: string, ...steps: string[]): string => {
      writeFileSync(join(context, 'Dockerfile'), ['FROM busybox', ...steps].join('\n'))
      return mille.run(['build', '--network', 'none', '-t', name, context]).err
    }
    build('half', 'RUN echo half >/file', 'RUN false')
    assert.notEqual(volatile(mille), 0)
    build('whole', 'RUN echo whole >/file', 'RUN echo more >>/file')
    assert.equal(volatile(mille), 0)
    build('other', 'RUN echo other >/file', 'RUN false')
    await cutPower(mille)
    assert.equal(mille.ok('run', '--rm', '--network', 'none', 'whole', 'cat', '/file'), 'whole\nmore')
    assert.match(build('whole', 'RUN echo whole >/file', 'RUN echo more >>/file'), /#3 CACHED/)
    assert.match(build('other', 'RUN echo other >/file'), /#2 DONE/)
    await using store = await openStore(mille.root)
    assert.deepEqual(await store.check(), [])
  } finally {
    rmSync(context, { recursive: true })
  }
})
