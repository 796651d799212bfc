import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { buffer } from 'node:stream/consumers'
import { decodeBytes } from '../util/byte-string.ts'
import { isMilleError } from '../util/errors.ts'
import { encodeTarHeader, tarFormatVersion, type TarHeader } from './encode-header.ts'
import { readTar } from './read-tar.ts'
import { mostPlainBytes, TarWriter, writeTar, type TarSource } from './writer.ts'

const common = { mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000_000_000_000n } as const

/** One of everything that the format tells apart. */
const samples: readonly TarSource[] = [
  { header: { ...common, path: '.', type: 'directory', mode: 0o755 } },
  { header: { ...common, path: 'bin/su', type: 'file', mode: 0o4755, size: 3 }, body: Buffer.from('abc') },
  { header: { ...common, path: `${'d'.repeat(99)}/${'e'.repeat(99)}`, type: 'file' } },
  { header: { ...common, path: `${'d'.repeat(150)}/${'e'.repeat(120)}`, type: 'directory' } },
  { header: { ...common, path: 'l', type: 'symlink', mode: 0o777, linkTarget: 'x'.repeat(150) } },
  { header: { ...common, path: 'h', type: 'hardlink', linkTarget: 'bin/su' } },
  { header: { ...common, path: 'dev', type: 'block', device: { major: 4095, minor: 1_048_575 } } },
  { header: { ...common, path: 'pipe', type: 'fifo', uid: 3_000_000, gid: 4_294_967_294, mtime: -1n } },
  { header: { ...common, path: 'né', type: 'file', mtime: 1_700_000_000_000_000_001n } },
  { header: { ...common, path: decodeBytes(Buffer.from([0xff, 0x2f, 0xfe])), type: 'file' } },
  {
    header: {
      ...common,
      path: 'x',
      type: 'file',
      xattrs: new Map([
        ['user.b=%', Buffer.from('2')],
        ['security.capability', Buffer.from([1, 0, 10])],
        ['user.a', Buffer.alloc(0)],
      ]),
    },
  },
]

test('the bytes are pinned: another digest needs another format version', async () => {
  const tar = await buffer(writeTar(samples))
  assert.equal(tarFormatVersion, 1)
  assert.equal(
    createHash('sha256').update(tar).digest('hex'),
    '7b04ce59626bfe057e6200af9e4c524e597b442d8d48fea5da29fcd5a13e56fc',
  )
})

test('a plain entry is one header block; only what ustar cannot say costs a PAX header', () => {
  const sizes = samples.map(({ header }) => encodeTarHeader(header).length)
  assert.deepEqual(sizes, [512, 512, 512, 1536, 1536, 512, 512, 1536, 1536, 512, 1536])
})

test('what is written is read back', async () => {
  const found: TarHeader[] = []
  const bodies: string[] = []
  for await (const { entry, body } of readTar(writeTar(samples))) {
    const { offset: _, storedSize: __, size, ...header } = entry
    found.push({ ...header, ...(size > 0 && { size }) })
    bodies.push((await buffer(body)).toString())
  }
  const expected = samples.map(({ header }) => {
    const path = header.type === 'directory' ? `${header.path}/` : header.path
    const xattrs = header.xattrs && new Map([...header.xattrs].sort(([a], [b]) => (a < b ? -1 : 1)))
    return { ...header, path, ...(xattrs && { xattrs }) }
  })
  assert.deepEqual(found, expected)
  assert.deepEqual(
    bodies,
    samples.map(({ body }) => (body === undefined ? '' : 'abc')),
  )
})

test('a size beyond eleven octal digits goes to PAX', () => {
  const bytes = encodeTarHeader({ ...common, path: 'big', type: 'file', size: 2 ** 33 })
  assert.match(bytes.toString('latin1'), /19 size=8589934592\n/)
})

test('the writer tells where data goes, for callers that copy it themselves', () => {
  const writer = new TarWriter()
  const first = writer.add({ ...common, path: 'a', type: 'file', size: 700 })
  const second = writer.add({ ...common, path: 'b', type: 'file', size: 0 })
  assert.deepEqual([first.dataOffset, first.bytes.length], [512, 512])
  assert.deepEqual([second.dataOffset, second.bytes.length], [512 + 1024 + 512, 324 + 512])
  assert.equal(writer.end().length, 1024)
  assert.equal(writer.offset, 3072)
})

test('a body of another length than stated is refused', async () => {
  for (const body of ['ab', 'abcd'])
    await assert.rejects(
      buffer(
        writeTar([{ header: { ...common, path: 'f', type: 'file', size: 3 }, body: Buffer.from(body) }]),
      ),
      (error) => isMilleError(error, 'CONTEXT_CHANGED'),
    )
  for (const path of ['', 'a\0b'])
    assert.throws(
      () => encodeTarHeader({ ...common, path, type: 'file' }),
      (error) => isMilleError(error, 'LAYER_PATH_INVALID'),
    )
})

test('plain headers written in place are the bytes of those made apart; others are left to them', () => {
  const more: TarHeader[] = [
    {
      ...common,
      path: `${'d'.repeat(60)}/${'e'.repeat(60)}/${'f'.repeat(40)}`,
      type: 'file',
      size: 2 ** 33 - 1,
    },
    { ...common, path: 'dir', type: 'directory', mtime: 0n },
    {
      ...common,
      path: 'late',
      type: 'char',
      mtime: 8_589_934_592_000_000_000n,
      device: { major: 1, minor: 3 },
    },
    { ...common, path: 'link', type: 'symlink', linkTarget: 'y'.repeat(100) },
  ]
  const apart = new TarWriter()
  const inPlace = new TarWriter()
  let plain = 0
  for (const header of [...samples.map((sample) => sample.header), ...more]) {
    const { bytes, dataOffset } = apart.add(header)
    const target = Buffer.alloc(mostPlainBytes + 7, 0xff)
    const written = inPlace.addPlain(header, target, 7)
    if (written === 0) assert.deepEqual(inPlace.add(header), { bytes, dataOffset })
    else {
      plain++
      assert.deepEqual(target.subarray(7, 7 + written), bytes)
      assert.equal(inPlace.dataOffset, dataOffset)
    }
    assert.equal(inPlace.offset, apart.offset)
  }
  assert.equal(plain, 8)
})
