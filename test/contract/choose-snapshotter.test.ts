import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSnapshots } from '../../src/store/snapshots/open-snapshots.ts'
import { layerBench, unmountBelow } from '../support/layer-bench.ts'

test('the best snapshotter that works is chosen; on overlayfs, with the reason, another one', async () => {
  await using bench = layerBench(undefined)
  assert.equal(bench.snapshots.kind, 'erofs')
  assert.equal(bench.snapshots.reason, undefined)
  const parts = ['lower', 'upper', 'work', 'merged'].map((name) => join(bench.root, name))
  for (const part of parts) mkdirSync(part)
  const [lower = '', upper = '', work = '', merged = ''] = parts
  execFileSync('mount', [
    '-t',
    'overlay',
    'o',
    '-o',
    `lowerdir=${lower},upperdir=${upper},workdir=${work}`,
    merged,
  ])
  try {
    const lock = (): Promise<AsyncDisposable> =>
      Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() })
    const other = openSnapshots({ folder: join(merged, 's'), layers: bench.layers, lock })
    assert.notEqual(other.kind, 'erofs')
    assert.match(other.reason ?? '', /^erofs: /)
  } finally {
    unmountBelow(bench.root)
  }
})

test('what was found for a process with other rights is not believed', async () => {
  await using bench = layerBench(undefined)
  assert.equal(bench.snapshots.kind, 'erofs')
  const entry = JSON.stringify(import.meta.resolve('../../src/store/open-store.ts'))
  const script = `import { openStore } from ${entry}
    const store = await openStore(${JSON.stringify(bench.root)})
    console.log(store.snapshots.kind)`
  const words = ['--no-warnings', '--input-type=module', '-e', script]
  const kinds = ['-sys_admin', '+sys_admin'].map((change) => {
    // what is not in the bounding set nobody has
    const limit = change.startsWith('-') ? ['--bounding-set', change] : []
    return execFileSync('setpriv', [...limit, process.execPath, ...words])
      .toString()
      .trim()
  })
  assert.deepEqual(kinds, ['copy', 'erofs'])
})
