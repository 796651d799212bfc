import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LayerEntry } from '../store.ts'
import { orderEntries, tarPathOf } from './order-entries.ts'

const entry = (path: string, more: Partial<LayerEntry> = {}): LayerEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0n,
  ...more,
})

test('one order for one set: folders before content, content before siblings like folder-x', () => {
  const entries = [
    entry('a-b'),
    entry('a/x'),
    entry('a', { type: 'directory' }),
    entry('b', { type: 'hardlink', linkTarget: 'c' }),
    entry('c'),
    entry('a', { type: 'opaque' }),
    entry('a/w', { type: 'whiteout' }),
    entry('', { type: 'directory' }),
  ]
  const names = ['.', 'a', 'a/.wh..wh..opq', 'a/.wh.w', 'a/x', 'a-b', 'c', 'b']
  assert.deepEqual(orderEntries(entries).map(tarPathOf), names)
  assert.deepEqual(orderEntries(entries.toReversed()).map(tarPathOf), names)
})

test('of one name the last stays', () => {
  const [only, ...rest] = orderEntries([entry('a', { mode: 1 }), entry('a', { mode: 2 })])
  assert.equal(only?.mode, 2)
  assert.deepEqual(rest, [])
})

test('what is in order already stays as it is; one pair out of order is enough to sort', () => {
  const names = ['', 'a', 'a/b', 'a/b/c', 'a/b-c', 'a!', 'a-b', 'b', 'ä']
  const entries = names.map((path) => entry(path, { type: 'directory' }))
  assert.equal(orderEntries(entries), entries)
  for (let at = 1; at < names.length; at++) {
    const swapped = entries.with(at - 1, entries[at] ?? entry('')).with(at, entries[at - 1] ?? entry(''))
    assert.deepEqual(orderEntries(swapped), entries)
  }
})
