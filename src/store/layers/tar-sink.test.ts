import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { workerEntry, WorkerPool } from '../../util/worker-pool.ts'
import { writeLayer, type WritableEntry } from './layer-writer.ts'
import { openSink, sinkSize } from './tar-sink.ts'

function makePool(): WorkerPool {
  return new WorkerPool(workerEntry(import.meta.url, './tar-sink-worker.ts'), 2)
}

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mille-sink-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** 40 MiB in files of many sizes, one larger than all buffers together. */
function manyEntries(folder: string): WritableEntry[] {
  const common = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n } as const
  const sizes = [0, 1, 511, 512, 513, sinkSize / 2, sinkSize / 2 + 1, sinkSize, sinkSize + 1, 20 * sinkSize]
  const files = Array.from({ length: 60 }, (_, index) => sizes[index % sizes.length] ?? 0).filter(
    (size, index) => size < 4 * sinkSize || index < 10,
  )
  return files.map((size, index): WritableEntry => {
    const path = join(folder, `f${index}`)
    const bytes = Buffer.alloc(size, `${index} `)
    writeFileSync(path, bytes)
    const body = index % 3 === 0 ? ({ kind: 'bytes', bytes } as const) : ({ kind: 'file', path } as const)
    return { ...common, path: `f${String(index).padStart(3, '0')}`, size, body }
  })
}

test('a second thread writes the same bytes with the same digest', async (t) => {
  const folder = makeFolder(t)
  await using threads = makePool()
  const entries = manyEntries(folder)
  const alone = await writeLayer(join(folder, 'alone'), entries)
  const together = await writeLayer(join(folder, 'together'), entries, { threads })
  assert.equal(together.diffId, alone.diffId)
  assert.deepEqual(together.table, alone.table)
  const bytes = readFileSync(join(folder, 'together'))
  assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, alone.diffId)
})

test('an error while entries are read ends the thread, one of the thread reaches the reader', async (t) => {
  const folder = makeFolder(t)
  await using threads = makePool()
  const entries = manyEntries(folder)
  const [last] = entries.slice(-1)
  assert.ok(last)
  const wrong = [
    ...entries,
    { ...last, path: 'z', size: 7, body: { kind: 'bytes', bytes: Buffer.from('x') } as const },
  ]
  await assert.rejects(writeLayer(join(folder, 'wrong'), wrong, { threads }), (error) =>
    isMilleError(error, 'CONTEXT_CHANGED'),
  )
  const readOnly = openSync(join(folder, 'f1'), 'r')
  t.after(() => closeSync(readOnly))
  using sink = openSink(readOnly, { path: 'read only', size: 100 * sinkSize, count: 0, threads })
  const fill = async (): Promise<string> => {
    for (let count = 0; count < 100; count++) {
      await sink.reserve()
      sink.room(sinkSize / 2)
      sink.commit(sinkSize / 2)
    }
    return await sink.end()
  }
  await assert.rejects(fill(), (error) => isMilleError(error) && error.message.includes('read only'))
})
