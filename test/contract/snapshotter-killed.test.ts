import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Snapshotter } from '../../src/store/snapshotter.ts'
import { layerBench, type LayerBench } from '../support/layer-bench.ts'

const kills = 8

async function runAndKill(root: string, kind: Snapshotter['kind'], after: number): Promise<void> {
  const script = join(import.meta.dirname, '../support/busy-snapshots.ts')
  const child = spawn(process.execPath, [script, root, kind], { stdio: ['ignore', 'pipe', 'inherit'] })
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  await delay(after)
  assert.equal(child.exitCode, null, 'ended by itself')
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Everything that is listed works, nothing half made is left. */
async function checkAfter(bench: LayerBench): Promise<void> {
  const snapshots = bench.reopen()
  assert.deepEqual(readdirSync(join(bench.root, 'snapshots/staging')), [])
  const lent = join(bench.root, 'snapshots/mounts/lent')
  assert.deepEqual(existsSync(lent) ? readdirSync(lent) : [], [])
  for (const { chain, diffId, parent } of await snapshots.chains()) {
    if (parent !== undefined && !(await snapshots.has(parent))) continue
    const { path } = await snapshots.view('check', chain)
    const names = readdirSync(join(path, 'd'))
    for (const name of names)
      assert.notEqual(readFileSync(join(path, 'd', name), 'utf8'), '', `${diffId} ${name}`)
    assert.ok(names.length >= 19)
    await snapshots.remove('check')
    assert.equal(await snapshots.apply(diffId, parent), chain)
  }
  for (const { key } of await snapshots.list()) {
    await snapshots.mount(key)
    await snapshots.remove(key)
  }
}

for (const kind of ['unpacked', 'erofs', 'copy'] as const)
  test(`B-ST-1 ${kind}: killed at any moment, the next process finds only whole things`, async () => {
    await using bench = layerBench(kind)
    for (let kill = 0; kill < kills; kill += 1) {
      await runAndKill(bench.root, kind, kill * 13 + Math.random() * 13)
      await checkAfter(bench)
    }
  })
