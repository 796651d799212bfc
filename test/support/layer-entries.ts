import assert from 'node:assert/strict'
import type { ChainId } from '../../src/oci/digest.ts'
import type { LayerEntry } from '../../src/store/store.ts'
import type { LayerBench } from './layer-bench.ts'

const second = 1_000_000_000n
/** The time of all entries below, long before any test. */
export const old: bigint = 1_600_000_000n * second + 123_456_789n

export function file(path: string, text: string, more: Partial<LayerEntry> = {}): LayerEntry {
  const bytes = Buffer.from(text)
  const body = { kind: 'bytes', bytes } as const
  return { path, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: old, size: bytes.length, body, ...more }
}

export function folder(path: string, more: Partial<LayerEntry> = {}): LayerEntry {
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: old, ...more }
}

export function link(path: string, linkTarget: string, type: 'symlink' | 'hardlink' = 'symlink'): LayerEntry {
  return { path, type, mode: 0o777, uid: 0, gid: 0, mtime: old, linkTarget }
}

export function marker(path: string, type: 'whiteout' | 'opaque' = 'whiteout'): LayerEntry {
  return { path, type, mode: 0, uid: 0, gid: 0, mtime: old }
}

/** Applies layers one on the other; returns the chain of the last. */
export async function applyAll(bench: LayerBench, ...stack: readonly LayerEntry[][]): Promise<ChainId> {
  let chain: ChainId | undefined
  for (const entries of stack) {
    const { diffId } = await bench.layers.write(entries)
    chain = await bench.snapshots.apply(diffId, chain)
  }
  assert.ok(chain !== undefined)
  return chain
}
