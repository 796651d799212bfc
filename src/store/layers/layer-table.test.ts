import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeTableHead, LayerTable, TableBuilder, tableHeadLength } from './layer-table.ts'
import { copyOf, type StoredEntry } from './stored-entry.ts'

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

function encode(size: number, entries: readonly StoredEntry[]): string {
  const builder = new TableBuilder()
  for (const entry of entries) builder.add(entry)
  return builder.finish(size).encode()
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

test('anything else is no table', () => {
  for (const text of ['', '{', '{}', '[]', encode(1, []).slice(0, -1)])
    assert.throws(() => LayerTable.decode(text))
})

test('size and number of entries stand in the first bytes, however long the table', () => {
  const size = Number.MAX_SAFE_INTEGER
  const text = encode(
    size,
    Array.from({ length: 1000 }, () => plain),
  )
  assert.deepEqual(decodeTableHead(text.slice(0, tableHeadLength)), { size, entries: 1000 })
  assert.equal(decodeTableHead('{"version":1,"size":4096,"paths":[]'), undefined)
  assert.equal(decodeTableHead(''), undefined)
})
