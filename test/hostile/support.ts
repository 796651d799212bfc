import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { ChainId } from '../../src/oci/digest.ts'
import type { Snapshotter } from '../../src/store/snapshotter.ts'
import { type ErrorCode, isMilleError } from '../../src/util/errors.ts'
import { layerBench, type LayerBench } from '../support/layer-bench.ts'
import { rawEnd, rawEntry, type RawHeader } from '../support/raw-tar.ts'
import { describeTree } from '../support/tree.ts'

/** The snapshotters that unpack or mount what an attacker sent. */
export const kinds: readonly Snapshotter['kind'][] = ['unpacked', 'erofs', 'copy']

/** One entry: header fields and data, or ready blocks. */
export type Piece = Buffer | (RawHeader & { readonly data?: string })

export function tarOf(...pieces: readonly Piece[]): Buffer {
  const blocks = pieces.map((piece) => (Buffer.isBuffer(piece) ? piece : rawEntry(piece, piece.data ?? '')))
  return Buffer.concat([...blocks, rawEnd])
}

export const dir = (name: string, mode = '0000755\0'): Piece => ({ name: `${name}/`, type: '5', mode })
export const symlink = (name: string, link: string): Piece => ({ name, type: '2', link })
export const hardlink = (name: string, link: string): Piece => ({ name, type: '1', link })
export const file = (name: string, data = 'evil'): Piece => ({ name, data })

export interface Hostile {
  readonly bench: LayerBench
  /** A folder outside the store with a file, a folder and their modes: an attack would change it. */
  readonly canary: string
  /** Applies tars one on the other and mounts the result. */
  readonly mount: (...tars: readonly Buffer[]) => Promise<string>
}

/** Runs `attack` on each snapshotter; whatever it does, nothing outside the root may have changed afterwards. */
export function hostile(row: string, name: string, attack: (hostile: Hostile) => Promise<void>): void {
  for (const kind of kinds)
    test(`${row} ${name} (${kind})`, async () => {
      await using bench = layerBench(kind)
      const canary = makeCanary()
      try {
        const before = describeTree(canary)
        await attack({ bench, canary, mount: (...tars) => mountAll(bench, tars) })
        assert.deepEqual(describeTree(canary), before)
      } finally {
        rmSync(canary, { recursive: true })
      }
    })
}

function makeCanary(): string {
  const canary = mkdtempSync(join(tmpdir(), 'canary-'))
  chmodSync(canary, 0o711)
  mkdirSync(join(canary, 'folder'), { mode: 0o700 })
  writeFileSync(join(canary, 'file'), 'canary', { mode: 0o640 })
  writeFileSync(join(canary, 'folder/inner'), 'inner')
  symlinkSync('file', join(canary, 'link'))
  return canary
}

let views = 0

async function mountAll(bench: LayerBench, tars: readonly Buffer[]): Promise<string> {
  let chain: ChainId | undefined
  for (const tar of tars) {
    const { diffId } = await bench.layers.ingest(Readable.from([tar]))
    chain = await bench.snapshots.apply(diffId, chain)
  }
  const view = await bench.snapshots.view(`view-${String(views++)}`, chain)
  return view.path
}

/** The row allows refusal alone, with one of these codes. */
export async function refused(work: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isMilleError(error, ...codes), `refused with ${String(error)}`)
    return true
  })
}

/** The row allows both verdicts; what counts is the canary. True when it was accepted. */
export async function eitherWay(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    assert.ok(isMilleError(error), `not an honest refusal: ${String(error)}`)
    return false
  }
}
