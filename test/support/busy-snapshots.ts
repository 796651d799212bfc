import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChainId } from '../../src/oci/digest.ts'
import type { LayerEntry } from '../../src/store/store.ts'
import type { Snapshotter } from '../../src/store/snapshotter.ts'
import { openBench } from './layer-bench.ts'

/** A process to be killed: applies, prepares, changes, commits and removes without end. Arguments: root, kind. */
const [, , root = '', kind = ''] = process.argv
const { layers, snapshots } = openBench(root, kind as Snapshotter['kind'])

function entries(round: number): LayerEntry[] {
  const common = { mode: 0o755, uid: 0, gid: 0, mtime: BigInt(round) }
  const folder: LayerEntry = { ...common, path: 'd', type: 'directory' }
  const files = Array.from({ length: 20 }, (_, index): LayerEntry => {
    const bytes = Buffer.from(`${String(round)}.${String(index)}`)
    const body = { kind: 'bytes', bytes } as const
    return { ...common, path: `d/f${String(index)}`, type: 'file', size: bytes.length, body }
  })
  return [folder, ...files, { ...common, path: `d/f${String(round % 20)}x`, type: 'whiteout' }]
}

console.log('ready')
for (let round = 0, chain: ChainId | undefined; ; round += 1) {
  const { diffId } = await layers.write(entries(round))
  chain = await snapshots.apply(diffId, round % 5 === 0 ? undefined : chain)
  const key = `k${String(process.pid)}-${String(round)}`
  const { path } = await snapshots.prepare(key, chain)
  rmSync(join(path, 'd/f1'), { force: true })
  writeFileSync(join(path, 'd/new'), key)
  const committed = await snapshots.commit(key)
  if (round % 2 === 0) await snapshots.remove(key)
  if (committed !== undefined && round % 3 === 0) await snapshots.removeChains([committed.chain])
}
