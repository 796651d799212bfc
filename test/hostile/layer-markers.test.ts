import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import type { LayerBench } from '../support/layer-bench.ts'
import { rawPax } from '../support/raw-tar.ts'
import { describeTree } from '../support/tree.ts'
import { dir, eitherWay, file, hostile, type Piece, refused, symlink, tarOf } from './support.ts'

for (const name of ['.wh...', '.wh..', '.wh.', 'd/.wh...', 'd/.wh..', 'd/.wh.'])
  hostile('C-T10', `the whiteout ${name}`, ({ mount }) =>
    refused(mount(tarOf(dir('d'), file('d/x')), tarOf(file(name, ''))), 'LAYER_WHITEOUT_INVALID'),
  )

hostile('C-T11', 'whiteouts through links and ..', async ({ mount, canary }) => {
  const lower = tarOf(symlink('out', canary), symlink('rel', `../../../../../..${canary}/folder`))
  await eitherWay(
    mount(lower, tarOf(file('out/.wh.file', ''), file('out/.wh.folder', ''), file('rel/.wh.inner', ''))),
  )
  await eitherWay(mount(lower, tarOf(file('out/.wh..wh..opq', ''), file('rel/.wh..wh..opq', ''))))
  await refused(mount(lower, tarOf(file('../.wh.file', ''))), 'LAYER_PATH_ESCAPE')
})

hostile(
  'C-T11',
  'markers that are links or folders, with bytes, as part of a path',
  async ({ mount, canary }) => {
    await eitherWay(mount(tarOf(file('x')), tarOf(symlink('.wh.x', canary))))
    await eitherWay(mount(tarOf(file('x')), tarOf(file('.wh.x', 'bytes'))))
    await refused(mount(tarOf(dir('.wh.x'), file('.wh.x/y'))), 'LAYER_WHITEOUT_INVALID')
  },
)

hostile('C-T12', 'marker and file of one name in one layer, in either order', async ({ mount }) => {
  const lower = tarOf(dir('d'), file('d/a', 'old'), file('d/b', 'old'), dir('s'), file('s/old', ''))
  const pieces: Piece[] = [
    dir('d'),
    file('d/.wh.a', ''),
    file('d/a', 'new'),
    file('d/.wh..wh..opq', ''),
    file('.wh.s', ''),
    dir('s'),
    file('s/new', ''),
  ]
  const trees = [
    describeTree(await mount(lower, tarOf(...pieces))),
    describeTree(await mount(lower, tarOf(...pieces.toReversed()))),
  ]
  for (const tree of trees)
    assert.deepEqual(
      tree.map((line) => line.split(' ')[0]),
      ['.', 'd', 'd/a', 's', 's/new'],
    )
  assert.deepEqual(
    trees[0]?.filter((line) => !/^[ds] /.test(line)),
    trees[1]?.filter((line) => !/^[ds] /.test(line)),
  )
})

hostile('C-T13', 'overlayfs states from a tar', async ({ mount }) => {
  await refused(mount(tarOf(file('x')), tarOf({ name: 'x', type: '3' })), 'LAYER_DEVICE_INVALID')
  const evil = {
    'SCHILY.xattr.trusted.overlay.opaque': 'y',
    'SCHILY.xattr.trusted.overlay.redirect': '/secret',
    'SCHILY.xattr.trusted.overlay.metacopy': '',
    'SCHILY.xattr.user.overlay.opaque': 'y',
    'SCHILY.xattr.user.fine': 'kept',
  }
  const lower = tarOf(dir('d'), file('d/shown', 'shown'), dir('secret'), file('secret/s'))
  const root = await mount(lower, tarOf(rawPax(evil), dir('d'), rawPax(evil), file('d/f')))
  assert.deepEqual(readdirSync(join(root, 'd')).sort(), ['f', 'shown'])
  const tree = describeTree(root).join('\n')
  assert.match(tree, /^d\/f .* user\.fine=6b657074$/m)
  assert.doesNotMatch(tree, /overlay\./)
})

hostile('C-T14', 'device numbers that do not fit', async ({ mount }) => {
  await refused(
    mount(tarOf({ name: 'd', type: '3', major: '7777777\0', minor: '0000003\0' })),
    'LAYER_DEVICE_INVALID',
  )
  const root = await mount(
    tarOf({ name: 'null', type: '3', major: '0000001\0', minor: '0000003\0', mode: '0000666\0' }),
  )
  assert.equal(statSync(join(root, 'null')).rdev, 0x103)
})

hostile(
  'C-T15',
  'setuid bits and capabilities stay; nobody else gets at them in the store',
  async ({ mount, bench }) => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    const root = await mount(
      tarOf(
        { name: 's', mode: '0004755\0' },
        rawPax({ 'SCHILY.xattr.security.capability': capability }),
        file('c'),
      ),
    )
    assert.equal(statSync(join(root, 's')).mode, 0o104755)
    assert.match(describeTree(root).join('\n'), /^c .* security\.capability=0100000200200000/m)
    assert.equal(statSync(join(bench.root, 'snapshots')).mode & 0o077, 0)
  },
)

for (const uid of ['-1', '4294967295', '4294967296'])
  hostile('C-T16', `owner ${uid}`, ({ mount }) =>
    refused(
      mount(tarOf(rawPax({ uid }), { name: 's', mode: '0004755\0' })),
      'LAYER_OWNER_RANGE',
      'LAYER_TAR_MALFORMED',
    ),
  )

hostile('C-T21', 'a sparse file of exabytes', ({ mount }) =>
  refused(
    mount(
      tarOf(
        rawPax({
          'GNU.sparse.major': '0',
          'GNU.sparse.minor': '1',
          'GNU.sparse.size': '4611686018427387904',
          'GNU.sparse.numblocks': '1',
          'GNU.sparse.map': '0,4',
        }),
        file('s'),
      ),
    ),
    'LAYER_LIMIT',
    'LAYER_TAR_MALFORMED',
  ),
)

hostile('C-T21', 'holes stay holes, and odd maps keep their content', async ({ mount }) => {
  const map = {
    'GNU.sparse.size': '1000000',
    'GNU.sparse.numblocks': '2',
    'GNU.sparse.map': '100,4,700001,3',
  }
  const root = await mount(tarOf(rawPax(map), file('s', 'abcdefg')))
  const bytes = readFileSync(join(root, 's'))
  assert.equal(bytes.length, 1_000_000)
  assert.equal(bytes.toString('latin1', 100, 104), 'abcd')
  assert.equal(bytes.toString('latin1', 700_001, 700_004), 'efg')
  assert.equal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    [...'abcdefg'].reduce((sum, c) => sum + c.charCodeAt(0), 0),
  )
})

hostile('C-T21', 'a run that ends inside a block brings nothing else along', async ({ mount }) => {
  const map = { 'GNU.sparse.size': '1000', 'GNU.sparse.numblocks': '1', 'GNU.sparse.map': '0,4' }
  const root = await mount(tarOf(rawPax(map), file('s', 'abcd'), file('next', 'other')))
  assert.deepEqual(readFileSync(join(root, 's')), Buffer.concat([Buffer.from('abcd'), Buffer.alloc(996)]))
})

async function inflate(bench: LayerBench, blob: Buffer): Promise<number> {
  const digest = sha256(blob)
  writeFileSync(join(bench.root, 'blobs', digest.slice(7)), blob)
  const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest, size: blob.length }
  return (await bench.layers.inflate(descriptor, undefined)).entries
}

const small = tarOf(file('a', 'a'))

hostile('C-T22', '64 MiB of zeros after the end', async ({ bench }) => {
  const padded = Buffer.concat([small, Buffer.alloc(64 * 2 ** 20)])
  assert.equal(await inflate(bench, gzipSync(padded, { level: 1 })), 1)
})

hostile('C-T23', 'a bomb is refused before it fills the disk', async ({ bench }) => {
  // one zstd frame for each 64 MiB of zeros: 20 of them are 1.25 GiB
  const zeros = zstdCompressSync(Buffer.alloc(64 * 2 ** 20))
  const bomb = Buffer.concat([
    zstdCompressSync(tarOf(file('a', 'a'))),
    ...Array.from({ length: 20 }, () => zeros),
  ])
  await refused(inflate(bench, bomb), 'LAYER_LIMIT')
  assert.deepEqual(
    readdirSync(bench.root).filter((name) => name.startsWith('tmp-')),
    [],
  )
})

hostile('C-T24', 'damaged gzip', async ({ bench }) => {
  const whole = gzipSync(small)
  const flip = (at: number): Buffer => {
    const copy = Buffer.from(whole)
    copy[at < 0 ? copy.length + at : at] = (copy.at(at) ?? 0) ^ 0x55
    return copy
  }
  const damaged = [
    'COMPRESSION_CORRUPT',
    'COMPRESSION_TRUNCATED',
    'COMPRESSION_TRAILING',
    'COMPRESSION_NESTED',
  ] as const
  await refused(inflate(bench, whole.subarray(0, -8)), 'COMPRESSION_TRUNCATED')
  await refused(inflate(bench, whole.subarray(0, -3)), 'COMPRESSION_TRUNCATED')
  await refused(inflate(bench, flip(-6)), ...damaged)
  await refused(inflate(bench, flip(-2)), ...damaged)
  await refused(inflate(bench, Buffer.concat([whole, Buffer.from('trailing')])), 'COMPRESSION_TRAILING')
  await refused(inflate(bench, gzipSync(whole)), 'COMPRESSION_NESTED')
  assert.equal(
    await inflate(bench, Buffer.concat([gzipSync(small.subarray(0, 700)), gzipSync(small.subarray(700))])),
    1,
  )
})

hostile('C-T24', 'zstd cut short', ({ bench }) =>
  refused(
    inflate(bench, zstdCompressSync(small).subarray(0, -4)),
    'COMPRESSION_TRUNCATED',
    'COMPRESSION_CORRUPT',
  ),
)

hostile('C-T28', 'dialects: old file types are files, unknown ones are refused', async ({ mount }) => {
  const root = await mount(
    tarOf(
      { name: 'old', type: '\0', data: '1' },
      { name: 'slash/', type: '\0' },
      { name: 'seven', type: '7', data: '7' },
    ),
  )
  assert.deepEqual(readdirSync(root).sort(), ['old', 'seven', 'slash'])
  assert.equal(statSync(join(root, 'slash')).isDirectory(), true)
  await refused(mount(tarOf({ name: 'z', type: 'Z' })), 'LAYER_TAR_MALFORMED')
  await refused(mount(tarOf(rawPax({ path: 'all' }, 'g'), file('x'))), 'LAYER_TAR_MALFORMED')
})
