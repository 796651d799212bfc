import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawData, rawEnd, rawEntry, rawHeader, rawPax, type RawHeader } from '../../test/support/raw-tar.ts'
import { encodeBytes } from '../util/byte-string.ts'
import { isMilleError, type ErrorCode } from '../util/errors.ts'
import type { TarEntry } from './entry.ts'
import type { TarLimits } from './limits.ts'
import { TarParser } from './parser.ts'

function parse(blocks: readonly Buffer[], limits: Partial<TarLimits> = {}, step = Infinity): TarEntry[] {
  const entries: TarEntry[] = []
  const parser = new TarParser({ entry: (entry) => entries.push(entry) }, { limits })
  const tar = Buffer.concat(blocks)
  for (let at = 0; at < tar.length; at += Math.min(step, tar.length))
    parser.push(tar.subarray(at, Math.min(at + step, tar.length)))
  parser.end()
  return entries
}

function parseOne(...blocks: readonly Buffer[]): TarEntry {
  const [entry, ...more] = parse([...blocks, rawEnd])
  assert.ok(entry !== undefined && more.length === 0)
  return entry
}

function assertRefused(code: ErrorCode, blocks: readonly Buffer[], limits?: Partial<TarLimits>): void {
  assert.throws(
    () => parse([...blocks, rawEnd], limits),
    (error) => isMilleError(error, code),
  )
}

const file = (header: RawHeader = {}, data = ''): Buffer => rawEntry({ name: 'f', ...header }, data)

test('fields of a ustar header, prefix joined', () => {
  const entry = parseOne(
    file(
      { prefix: 'a/b', mode: '0104755\0', uid: '0001750\0', gid: '0000144\0', mtime: '14371573622\0' },
      'hello',
    ),
  )
  assert.deepEqual(entry, {
    path: 'a/b/f',
    type: 'file',
    mode: 0o4755,
    uid: 1000,
    gid: 100,
    mtime: BigInt(0o14371573622) * 1_000_000_000n,
    size: 5,
    offset: 512,
    storedSize: 5,
  })
})

test('entries and offsets are the same however the input is cut', () => {
  const blocks = [
    rawPax({ path: 'long/'.repeat(60) + 'name', mtime: '1.5' }),
    file({}, 'x'.repeat(700)),
    rawEntry({ type: 'L', name: '././@LongLink' }, `${'y'.repeat(120)}\0`),
    file({}, 'z'),
    rawEnd,
  ]
  const whole = parse(blocks)
  assert.deepEqual(
    whole.map(({ offset, size }) => [offset, size]),
    [
      [1536, 700],
      [4096, 1],
    ],
  )
  for (const step of [1, 7, 511, 512, 513, 1000]) assert.deepEqual(parse(blocks, {}, step), whole)
})

test('types: NUL and 7 are files, a file with a trailing slash is a folder', () => {
  for (const type of ['\0', '0', '7']) assert.equal(parseOne(file({ type })).type, 'file')
  assert.equal(parseOne(file({ name: 'd/', type: '\0' })).type, 'directory')
  assert.equal(parseOne(file({ type: '1', link: 'g', size: 99 })).linkTarget, 'g')
  assertRefused('LAYER_TAR_MALFORMED', [file({ type: 'Z' })])
  assertRefused('LAYER_TAR_MALFORMED', [file({ name: 'd/' }, 'data')])
  assertRefused('LAYER_TAR_MALFORMED', [file({ type: '2', link: 'g' }, 'data')])
})

test('PAX wins over GNU long names, which win over the header; names keep their bytes', () => {
  const raw = Buffer.from([0x66, 0xff, 0xfe, 0x2f, 0xc3, 0xa9])
  const entry = parseOne(rawPax({ path: raw }), file())
  assert.deepEqual(encodeBytes(entry.path), raw)
  assert.deepEqual(encodeBytes(parseOne(file({ name: raw })).path), raw)
  const long = parseOne(
    rawEntry({ type: 'L' }, `${'n'.repeat(200)}\0`),
    rawEntry({ type: 'K' }, 'target\0'),
    file({ type: '2', link: 'short' }),
  )
  assert.deepEqual([long.path, long.linkTarget], ['n'.repeat(200), 'target'])
  assert.equal(parseOne(rawPax({ path: '', linkpath: '12' }), file({ name: 'kept' })).path, 'kept')
  assert.equal(
    parseOne(rawPax({ path: '__proto__', __proto__x: 'a', constructor: 'b' }), file()).path,
    '__proto__',
  )
})

test('PAX: owners, size, times, attributes', () => {
  const entry = parseOne(
    rawPax({
      uid: '4294967294',
      gid: '70000',
      size: '3',
      mtime: '-1.25',
      'SCHILY.xattr.user.a%3Db': 'v',
      'SCHILY.xattr.security.capability': Uint8Array.of(0, 1, 10, 255),
      'LIBARCHIVE.xattr.user.b%20c': 'AAE',
      comment: 'ignored',
    }),
    file({ size: 0 }).subarray(0, 512),
    rawData('abc'),
  )
  assert.deepEqual([entry.uid, entry.gid, entry.size, entry.mtime], [4294967294, 70000, 3, -1_250_000_000n])
  assert.deepEqual(
    [...(entry.xattrs ?? [])].map(([name, value]) => [name, [...value]]),
    [
      ['user.a=b', [118]],
      ['security.capability', [0, 1, 10, 255]],
      ['user.b c', [0, 1]],
    ],
  )
})

test('global PAX headers hold until changed, but never name or size entries', () => {
  const [first, second] = parse([
    rawPax({ gid: '7', mtime: '9' }, 'g'),
    file(),
    rawPax({ gid: '8' }),
    file(),
    rawEnd,
  ])
  assert.deepEqual([first?.gid, first?.mtime, second?.gid], [7, 9_000_000_000n, 8])
  for (const key of ['path', 'linkpath', 'size'])
    assertRefused('LAYER_TAR_MALFORMED', [rawPax({ [key]: '1' }, 'g'), file()])
})

test('base-256 numbers, negative times', () => {
  const size = Buffer.alloc(12)
  size[0] = 0x80
  size[11] = 5
  assert.equal(parseOne(rawHeader({ size }), rawData('12345')).size, 5)
  const uid = Buffer.from([0x80, 0, 0, 0, 0, 0x20, 0, 1])
  assert.equal(parseOne(rawHeader({ uid })).uid, 0x200001)
  const mtime = { at: 136, bytes: Buffer.alloc(12, 0xff) }
  assert.equal(parseOne(rawHeader({ patches: [mtime] })).mtime, -1_000_000_000n)
})

test('sizes that are no safe numbers are refused, never rounded', () => {
  const base256 = (...bytes: number[]): Buffer =>
    Buffer.concat([Buffer.alloc(12 - bytes.length), Buffer.from(bytes)])
  const first = (bytes: Buffer): Buffer => {
    bytes[0] = (bytes[0] ?? 0) | 0x80
    return bytes
  }
  assertRefused('LAYER_TAR_MALFORMED', [rawHeader({ size: Buffer.alloc(12, 0xff) })])
  assertRefused('LAYER_TAR_MALFORMED', [rawHeader({ size: first(base256(0x20, 0, 0, 0, 0, 0, 1)) })])
  assertRefused('LAYER_TAR_MALFORMED', [rawHeader({ size: first(base256(0x80, 0, 0, 0, 0, 0, 0, 0)) })])
  assertRefused('LAYER_TAR_MALFORMED', [rawHeader({ size: 'abc' })])
  assertRefused('LAYER_TAR_MALFORMED', [rawHeader({ size: '-1' })])
  for (const size of ['-1', '1.5', '1e3', '9007199254740993', '9223372036854775808', 'x'])
    assertRefused('LAYER_TAR_MALFORMED', [rawPax({ size }), file()])
  assertRefused('LAYER_TAR_TRUNCATED', [rawHeader({ size: '77777777777' })])
})

test('owners out of range are refused, also as text', () => {
  for (const uid of ['4294967296', '4294967295', '-1', 'root', '1.0', '99999999999999999999'])
    assertRefused('LAYER_OWNER_RANGE', [rawPax({ uid }), file()])
  assertRefused('LAYER_OWNER_RANGE', [rawHeader({ uid: Buffer.alloc(8, 0xff) })])
  assertRefused('LAYER_OWNER_RANGE', [rawHeader({ uid: Buffer.from([0x80, 0, 0, 1, 0, 0, 0, 0]) })])
})

test('device numbers', () => {
  const entry = parseOne(rawHeader({ type: '3', major: '0000001\0', minor: '0000003\0' }))
  assert.deepEqual(entry.device, { major: 1, minor: 3 })
  assertRefused('LAYER_DEVICE_INVALID', [
    rawHeader({ type: '3', major: Buffer.from([0x80, 0, 0, 0, 1, 0, 0, 1]) }),
  ])
  assertRefused('LAYER_DEVICE_INVALID', [rawHeader({ type: '4', major: '0010001\0' })])
})

test('the end: two zero blocks, or the input ends; a lone zero block ends nothing', () => {
  assert.equal(parse([file()]).length, 1)
  assert.equal(parse([file(), Buffer.alloc(512)]).length, 1)
  assert.equal(parse([file(), rawEnd, Buffer.alloc(100_000), file()]).length, 1)
  assert.equal(parse([]).length, 0)
  assertRefused('LAYER_TAR_MALFORMED', [file(), Buffer.alloc(512), file()])
})

test('cut anywhere else it is truncated', () => {
  const tar = Buffer.concat([rawPax({ path: 'x' }), file({}, 'abc'), rawEnd])
  for (const length of [1, 511, 512, 600, 1024, 1100, 1536, 1537, 2047])
    assert.throws(
      () => parse([tar.subarray(0, length)]),
      (error) => isMilleError(error, 'LAYER_TAR_TRUNCATED'),
      String(length),
    )
  assert.equal(parse([tar.subarray(0, 2048)]).length, 1)
})

test('headers that announce an entry: limits by their claim, no doubles, no smuggling', () => {
  assertRefused('LAYER_LIMIT', [rawHeader({ type: 'x', size: 2 ** 30 })])
  assertRefused('LAYER_LIMIT', [rawHeader({ type: 'L', size: 1024 * 1024 + 1 })])
  assertRefused('LAYER_TAR_MALFORMED', [rawPax({ path: 'x' })])
  assertRefused('LAYER_TAR_MALFORMED', [rawPax({ path: 'x' }), rawPax({ path: 'y' }), file()])
  assertRefused('LAYER_TAR_MALFORMED', [rawPax({ size: '2048' }), rawEntry({ type: 'L' }, 'n\0'), file()])
  assertRefused('LAYER_TAR_MALFORMED', [rawPax({ path: 'a\0b' }), file()])
  for (const text of [
    '0 a=b\n',
    '6 ab\n\n',
    '5 a=b\n',
    '99 a=b\n',
    'a=b\n',
    '6 a=bc',
    '4 =\n',
    '0000000006 a=b\n',
    '\n',
  ])
    assertRefused('LAYER_TAR_MALFORMED', [rawEntry({ type: 'x' }, text), file()])
  assertRefused('LAYER_TAR_MALFORMED', [file({ checksum: '000000\0 ' })])
  assertRefused('LAYER_LIMIT', [file(), file(), file()], { entries: 2 })
})

const number = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`

test('old GNU sparse files, with an extension block', () => {
  const runs = [0, 8, 16, 24, 32].map((block) => [block * 512, 512] as const)
  const text = (pairs: readonly (readonly [number, number])[]): string =>
    pairs.map(([offset, length]) => number(offset) + number(length)).join('')
  const header = rawHeader({
    type: 'S',
    magic: 'ustar  \0',
    size: 5 * 512,
    patches: [
      { at: 386, bytes: text(runs.slice(0, 4)) },
      { at: 482, bytes: '\x01' },
      { at: 483, bytes: number(1_000_000) },
    ],
  })
  const extension = rawData(Buffer.from(text([...runs.slice(4), [1_000_000, 0]])))
  const entry = parseOne(header, extension, Buffer.alloc(5 * 512))
  assert.deepEqual([entry.size, entry.offset, entry.storedSize], [1_000_000, 1024, 2560])
  assert.deepEqual(entry.sparse?.at(-1), { offset: 16_384, length: 512, tarOffset: 1024 + 4 * 512 })
})

test('PAX sparse 0.0, 0.1 and 1.0 give one map', () => {
  const segments = [
    { offset: 512, length: 512, tarOffset: 0 },
    { offset: 4096, length: 100, tarOffset: 512 },
  ]
  const records = (pairs: readonly (readonly [string, string])[]): Buffer =>
    Buffer.concat(
      pairs
        .map(([key, value]) => rawPax({ [`GNU.sparse.${key}`]: value }).subarray(512))
        .map((block) => block.subarray(0, block.indexOf(0))),
    )
  const cases = [
    [
      rawEntry(
        { type: 'x' },
        records([
          ['size', '8192'],
          ['numblocks', '2'],
          ['offset', '512'],
          ['numbytes', '512'],
          ['offset', '4096'],
          ['numbytes', '100'],
        ]),
      ),
      file({}, 'x'.repeat(612)),
    ],
    [
      rawPax({
        'GNU.sparse.size': '8192',
        'GNU.sparse.numblocks': '2',
        'GNU.sparse.map': '512,512,4096,100',
      }),
      file({}, 'x'.repeat(612)),
    ],
    [
      rawPax({
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.name': 'f',
        'GNU.sparse.realsize': '8192',
      }),
      file(
        { name: 'GNUSparseFile.1/f' },
        Buffer.concat([rawData('2\n512\n512\n4096\n100\n'), Buffer.alloc(612)]).toString('latin1'),
      ),
    ],
  ]
  for (const blocks of cases) {
    const entry = parseOne(...blocks)
    assert.equal(entry.path, 'f')
    assert.deepEqual([entry.size, entry.storedSize], [8192, 612])
    assert.deepEqual(
      entry.sparse,
      segments.map((run) => ({ ...run, tarOffset: run.tarOffset + entry.offset })),
    )
  }
})

test('sparse maps: overlaps, runs past the end, wrong sums, exabytes', () => {
  const sparse = (map: string, size: string, data = ''): Buffer[] => [
    rawPax({ 'GNU.sparse.size': size, 'GNU.sparse.map': map }),
    file({}, data),
  ]
  assertRefused('LAYER_TAR_MALFORMED', sparse('0,10,5,10', '100', 'x'.repeat(20)))
  assertRefused('LAYER_TAR_MALFORMED', sparse('90,20', '100', 'x'.repeat(20)))
  assertRefused('LAYER_TAR_MALFORMED', sparse('0,10', '100', 'x'.repeat(11)))
  assertRefused('LAYER_TAR_MALFORMED', sparse('0,10,20', '100', 'x'.repeat(10)))
  assertRefused('LAYER_LIMIT', sparse('0,0', '4611686018427387904'))
  const header = rawHeader({
    type: 'S',
    patches: [{ at: 483, bytes: Buffer.from([0x80, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]) }],
  })
  assertRefused('LAYER_LIMIT', [header])
  const million = rawPax({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' })
  assertRefused('LAYER_LIMIT', [million, file({}, '1000000\n'.padEnd(512, '\0'))])
  assertRefused('LAYER_TAR_MALFORMED', [million, file({}, 'x\n'.padEnd(512, '\0'))])
  assertRefused('LAYER_TAR_MALFORMED', [million, file({}, '2\n0')])
})
