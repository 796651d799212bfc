import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { sha256, type DiffId } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import type { LayerEntry } from '../../src/store/store.ts'
import { copyOf } from '../support/copy-of.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { GrowingFile } from '../../src/util/growing-file.ts'
import { layerBench, type LayerBench } from '../support/layer-bench.ts'
import { rawEnd, rawEntry } from '../support/raw-tar.ts'
import { describeTree } from '../support/tree.ts'
import { applyAll, file, folder, link, marker } from '../support/layer-entries.ts'

const everything: readonly LayerEntry[] = [
  folder('', { mode: 0o755 }),
  folder('d', { mode: 0o1777, uid: 3 }),
  file('d/f', 'content', {
    mode: 0o4755,
    uid: 1000,
    gid: 4_294_967_294,
    xattrs: new Map([['user.a', Buffer.from('b')]]),
  }),
  link('d/h', 'd/f', 'hardlink'),
  link('d/l', '../'.repeat(60) + 'x'),
  file('d/' + 'long'.repeat(60), ''),
  { path: 'c', type: 'char', mode: 0o600, uid: 0, gid: 0, mtime: 5n, device: { major: 1, minor: 3 } },
  { path: 'p', type: 'fifo', mode: 0o600, uid: 0, gid: 0, mtime: -5n },
]

test('what write makes, GNU tar reads back as it was meant, and so does the snapshotter', async () => {
  await using bench = layerBench('erofs')
  const target = mkdtempSync(join(tmpdir(), 'mille-gnu-'))
  try {
    const { wasThere, ...info } = await bench.layers.write(everything)
    assert.equal(wasThere, false)
    const args = [
      '--xattrs',
      '--xattrs-include=*',
      '--numeric-owner',
      '-xpf',
      bench.layers.tarPath(info.diffId),
    ]
    execFileSync('tar', ['-C', target, ...args])
    const { path } = await bench.snapshots.view('v', await bench.snapshots.apply(info.diffId, undefined))
    assert.deepEqual(describeTree(path), describeTree(target))
    assert.equal(info.entries, everything.length)
    const again = await bench.layers.write(everything.toReversed())
    assert.deepEqual(again, { ...info, wasThere: true })
  } finally {
    rmSync(target, { recursive: true })
  }
})

test('a file that is not the size it was when listed is an error that names it', async () => {
  await using bench = layerBench('unpacked')
  const path = join(bench.root, 'source')
  writeFileSync(path, 'twelve bytes')
  const entry = (size: number): LayerEntry => ({ ...file('s', ''), size, body: { kind: 'file', path } })
  for (const size of [11, 13, 0])
    await assert.rejects(
      bench.layers.write([entry(size)]),
      (error) => isMilleError(error, 'CONTEXT_CHANGED') && error.details['path'] === 's',
    )
  const short = {
    ...file('s', ''),
    size: 3,
    body: { kind: 'stream', open: () => Readable.from([Buffer.from('ab')]) },
  } as const
  await assert.rejects(bench.layers.write([short]), (error) => isMilleError(error, 'CONTEXT_CHANGED'))
  assert.deepEqual(readdirSync(join(bench.root, 'blobs')), [])
  assert.deepEqual(
    readdirSync(bench.root).filter((name) => name.startsWith('tmp-')),
    [],
  )
})

async function inflate(
  bench: LayerBench,
  blob: Buffer,
  expected?: DiffId,
): ReturnType<typeof bench.layers.inflate> {
  const digest = sha256(blob)
  writeFileSync(join(bench.root, 'blobs', digest.slice(7)), blob)
  return await bench.layers.inflate(
    { mediaType: mediaTypes.ociLayerGzip, digest, size: blob.length },
    expected,
  )
}

test('inflate: gzip, zstd and plain give one layer; small ones here, large ones in a thread', async () => {
  await using bench = layerBench('unpacked')
  const noise = Buffer.from(Array.from({ length: 600_000 }, (_, index) => (index * index * 7919) >> 3))
  for (const text of ['small', noise.toString('latin1')]) {
    const { wasThere: _, ...info } = await bench.layers.write([file('f', text)])
    const tar = readFileSync(bench.layers.tarPath(info.diffId))
    for (const blob of [gzipSync(tar), zstdCompressSync(tar), tar]) {
      rmSync(bench.layers.tarPath(info.diffId))
      await bench.layers.forget(info.diffId)
      assert.deepEqual(await inflate(bench, blob, info.diffId), info)
      assert.deepEqual(readFileSync(bench.layers.tarPath(info.diffId)), tar)
    }
  }
})

test('inflate: a wrong diff ID, a damaged blob: nothing is left', async () => {
  await using bench = layerBench('unpacked')
  const { diffId } = await bench.layers.write([file('f', 'f')])
  const tar = readFileSync(bench.layers.tarPath(diffId))
  rmSync(bench.layers.tarPath(diffId))
  const other = sha256('other') as string as DiffId
  await assert.rejects(inflate(bench, gzipSync(tar), other), (error) =>
    isMilleError(error, 'DIFFID_MISMATCH'),
  )
  const blob = gzipSync(tar)
  const digest = sha256(blob)
  const path = join(bench.root, 'blobs', digest.slice(7))
  const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest, size: blob.length }
  blob[5] = 77
  writeFileSync(path, blob)
  await assert.rejects(bench.layers.inflate(descriptor, undefined), (error) =>
    isMilleError(error, 'BLOB_DIGEST_MISMATCH'),
  )
  truncateSync(path, blob.length - 1)
  await assert.rejects(bench.layers.inflate(descriptor, undefined), (error) => isMilleError(error))
  assert.equal(await bench.layers.find(diffId), undefined)
  assert.deepEqual(
    readdirSync(bench.root).filter((name) => name.startsWith('tmp-')),
    [],
  )
})

test('inflate: a blob is read along while it is fetched; when it is given up nothing is left', async () => {
  await using bench = layerBench('unpacked')
  const noise = Buffer.from(Array.from({ length: 600_000 }, (_, index) => (index * index * 7919) >> 3))
  const { wasThere: _, ...info } = await bench.layers.write([file('f', noise.toString('latin1'))])
  const tar = readFileSync(bench.layers.tarPath(info.diffId))
  rmSync(bench.layers.tarPath(info.diffId))
  await bench.layers.forget(info.diffId)
  const blob = gzipSync(tar)
  const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: sha256(blob), size: blob.length }
  const path = join(bench.root, 'fetched')
  for (const upTo of [300_000, blob.length]) {
    writeFileSync(path, '')
    using growing = new GrowingFile(path, 0)
    const layer = bench.layers.inflate(descriptor, info.diffId, { growing })
    layer.catch(() => {})
    for (let at = 0; at < upTo; at += 90_000) {
      appendFileSync(path, blob.subarray(at, Math.min(at + 90_000, upTo)))
      growing.grow(Math.min(at + 90_000, upTo))
      await setImmediate()
    }
    if (upTo < blob.length) {
      growing.abandon()
      await assert.rejects(layer, (error) => isMilleError(error, 'BLOB_SIZE_MISMATCH'))
      assert.deepEqual(
        readdirSync(bench.root).filter((name) => name.startsWith('tmp-')),
        [],
      )
    } else assert.deepEqual(await layer, info)
  }
  assert.deepEqual(readFileSync(bench.layers.tarPath(info.diffId)), tar)
})

test('keep: any bytes become a blob; a layer tar is a layer at once, with its table', async () => {
  await using bench = layerBench('unpacked')
  const { diffId, size } = await bench.layers.write(everything)
  const tar = readFileSync(bench.layers.tarPath(diffId))
  const before = (await bench.layers.entries(diffId)).map(copyOf)
  const table = join(bench.root, 'layers', `${diffId.slice(7)}.table`)
  rmSync(table)
  assert.deepEqual(await bench.layers.keep(Readable.from([tar])), { digest: diffId, size })
  assert.ok(existsSync(table))
  assert.deepEqual((await bench.layers.entries(diffId)).map(copyOf), before)
  const escape = Buffer.concat([rawEntry({ name: '../x' }), rawEnd])
  for (const bytes of [Buffer.from('{}'), Buffer.alloc(0), tar.subarray(0, 700), escape]) {
    const info = await bench.layers.keep(Readable.from([bytes], { objectMode: false }))
    assert.deepEqual(info, { digest: sha256(bytes), size: bytes.length })
  }
  assert.equal(readdirSync(join(bench.root, 'layers')).length, 1)
})

test('a lost or damaged table of contents is made again from the tar', async () => {
  await using bench = layerBench('unpacked')
  const { diffId } = await bench.layers.write(everything)
  const before = (await bench.layers.entries(diffId)).map(copyOf)
  const table = join(bench.root, 'layers', `${diffId.slice(7)}.table`)
  for (const damage of [
    () => truncateSync(table, 30),
    () => rmSync(table),
    () => writeFileSync(table, '{"version":1,"paths":[]}'),
  ]) {
    damage()
    assert.deepEqual((await bench.layers.entries(diffId)).map(copyOf), before)
  }
})

test('merged layers do what the single ones did one after the other', async () => {
  await using bench = layerBench('unpacked')
  const base = [
    folder('d'),
    file('d/base', 'b'),
    folder('o'),
    file('o/base', ''),
    folder('x'),
    file('x/base', ''),
    file('gone', ''),
  ]
  const stack: LayerEntry[][] = [
    [
      folder('d', { mode: 0o700 }),
      file('d/one', '1'),
      link('d/two', 'd/one', 'hardlink'),
      file('x', 'no folder'),
      file('later', ''),
    ],
    [
      marker('d/one'),
      marker('gone'),
      marker('o', 'opaque'),
      folder('o'),
      file('o/new', ''),
      folder('x'),
      file('x/new', ''),
    ],
    [file('d/two', 'changed'), link('d/alias', 'd/base', 'hardlink'), marker('later'), file('gone', 'again')],
  ]
  const chain = await applyAll(bench, base, ...stack)
  const separate = describeTree((await bench.snapshots.view('separate', chain)).path)
  const diffIds: DiffId[] = []
  for (const entries of stack) diffIds.push((await bench.layers.write(entries)).diffId)
  const merged = await bench.layers.merge(diffIds)
  const bottom = await applyAll(bench, base)
  const one = await bench.snapshots.apply(merged.diffId, bottom)
  assert.deepEqual(describeTree((await bench.snapshots.view('one', one)).path), separate)
})

test('a hostile or broken tar leaves nothing behind', async () => {
  await using bench = layerBench('unpacked')
  mkdirSync(join(bench.root, 'x'))
  await assert.rejects(bench.layers.ingest(Readable.from([Buffer.alloc(512, 1)])), (error) =>
    isMilleError(error),
  )
  assert.deepEqual(readdirSync(bench.root).sort(), ['blobs', 'layers', 'snapshots', 'x'])
})
