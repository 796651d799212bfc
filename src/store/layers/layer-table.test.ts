import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LayerTable } from './layer-table.ts'
import { LocalTimes } from './local-times.ts'
import { copyOf } from '../../../test/support/copy-of.ts'
import type { StoredEntry } from './stored-entry.ts'
import { TableBuilder } from './table-builder.ts'
import { decodeTableHead, tableHeadLength } from './table-columns.ts'

const plain: StoredEntry = {
  path: 'f',
  type: 'file',
  mode: 0o4755,
  uid: 4_294_967_294,
  gid: 1,
  mtime: -1_500_000_001n,
  size: 10,
  ranges: [{ at: 0, offset: 512, length: 10 }],
  linkTarget: '',
  major: 0,
  minor: 0,
  xattrs: new Map(),
}

function encode(size: number, entries: readonly StoredEntry[]): Buffer {
  const builder = new TableBuilder()
  for (const entry of entries) builder.add(entry)
  return Buffer.concat(builder.finish(size).encode())
}

test('a table comes back as it was', () => {
  const entries: StoredEntry[] = [
    plain,
    {
      ...plain,
      path: 'n\uDCFF',
      ranges: [{ at: 4, offset: 1024, length: 3 }],
      mtime: 1_700_000_000_123_456_789n,
    },
    { ...plain, path: 'e', size: 0, ranges: [], xattrs: new Map([['user.x', Buffer.from([0, 255])]]) },
    { ...plain, path: 'l', type: 'symlink', size: 0, ranges: [], linkTarget: 'to' },
    { ...plain, path: 'c', type: 'char', size: 0, ranges: [], major: 1, minor: 1_000_000 },
    { ...plain, path: 'w', type: 'whiteout', size: 0, ranges: [] },
    { ...plain, path: '', type: 'opaque', size: 0, ranges: [] },
    { ...plain, path: 'm', isLocalTime: true },
  ]
  const table = LayerTable.decode(encode(4096, entries))
  assert.deepEqual(table.entries().map(copyOf), entries)
  assert.deepEqual([table.size, table.count], [4096, entries.length])
})

test('a table larger than the room it began with comes back as it was', () => {
  const entries = Array.from({ length: 1000 }, (_, index) => ({ ...plain, path: `folder/${index}` }))
  assert.deepEqual(LayerTable.decode(encode(1, entries)).entries().map(copyOf), entries)
})

test('a table is read wherever its bytes lie', () => {
  const table = encode(1, [plain])
  for (let shift = 0; shift < 8; shift++) {
    const moved = Buffer.from(new ArrayBuffer(table.length + 8), shift, table.length)
    table.copy(moved)
    assert.deepEqual(LayerTable.decode(moved).entries().map(copyOf), [plain])
  }
})

test('anything else is no table', () => {
  const table = encode(1, [plain])
  const damaged = Buffer.from(table)
  damaged.fill(0, 64, 80)
  const bad = [Buffer.alloc(0), Buffer.alloc(4096), Buffer.from('{}'), table.subarray(0, -1), damaged]
  for (const bytes of bad) assert.throws(() => LayerTable.decode(bytes))
})

test('a table tells the times of this machine alone, and by its first bytes how many there are', () => {
  const local = { ...plain, isLocalTime: true as const }
  const times = [-1_500_000_001n, 1_700_000_000_123_456_789n, 1_700_000_000_000_000_000n, 5n]
  const entries = [plain, ...times.map((mtime) => ({ ...local, mtime })), { ...plain, mtime: 7n }]
  const bytes = encode(4096, entries)
  assert.equal(decodeTableHead(bytes)?.localTimes, 4)
  const found = LayerTable.decode(bytes).localTimes()
  assert.deepEqual([...found], times)
  const wanted = [...times, 7n, 1_700_000_000_123_000_000n, -2_000_000_000n, -1_000_000_000n]
  // tar and rsync cut times to whole seconds
  const there = new Set([...times, -2_000_000_000n])
  assert.deepEqual(found.among(new Set(wanted)), there)
  // many are looked for in another way
  const more = Array.from({ length: 50 }, (_, at) => BigInt(at) + 8n)
  assert.deepEqual(found.among(new Set([...wanted, ...more])), there)
  assert.deepEqual([...LocalTimes.none], [])
})

test('size and number of entries stand in the first bytes, however long the table', () => {
  const size = Number.MAX_SAFE_INTEGER
  const entries = Array.from({ length: 1000 }, () => plain)
  const bytes = encode(size, entries)
  assert.deepEqual(decodeTableHead(bytes.subarray(0, tableHeadLength)), {
    size,
    entries: 1000,
    localTimes: 0,
  })
  assert.equal(decodeTableHead(bytes.subarray(0, tableHeadLength - 1)), undefined)
  assert.equal(decodeTableHead(Buffer.from('{"version":1,"size":4096,"count":0,"paths":[]}')), undefined)
})
