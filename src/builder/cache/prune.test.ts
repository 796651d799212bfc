import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CacheUsage, PruneOptions } from '../build.ts'
import { choose } from './prune.ts'
import type { CacheEntry } from './usage.ts'

const row = (id: string, size: number, lastUsedAt: number, more: Partial<CacheUsage> = {}): CacheUsage => ({
  id,
  parents: [],
  description: id,
  type: 'regular',
  mutable: false,
  size,
  createdAt: 0,
  lastUsedAt,
  uses: 0,
  inUse: false,
  shared: false,
  ...more,
})

const rows = [
  row('old', 10, 1),
  row('child of old', 20, 1),
  row('used', 40, 2, { inUse: true }),
  row('of an image', 1000, 0, { shared: true }),
  row('new', 30, 9, { type: 'exec.cachemount' }),
]
const entries: readonly CacheEntry[] = rows.map((one) => ({ row: one, remove: () => Promise.resolve(true) }))

const chosen = (options: Partial<PruneOptions>, free: number = 1_000_000): string[] =>
  choose(entries, { all: false, ...options }, free).map((entry) => entry.row.id)

test('without a limit all that matches goes, never what is in use', () => {
  assert.deepEqual(chosen({}), ['old', 'child of old', 'new'])
  assert.deepEqual(chosen({ all: true }), ['old', 'child of old', 'of an image', 'new'])
  assert.deepEqual(chosen({ matches: ({ type }) => type === 'exec.cachemount' }), ['new'])
})

test('with a limit the longest unused goes first, a child before what it stands on', () => {
  assert.deepEqual(chosen({ maxUsedSpace: 100 }), [])
  assert.deepEqual(chosen({ maxUsedSpace: 99 }), ['child of old'])
  assert.deepEqual(chosen({ maxUsedSpace: 79 }), ['child of old', 'old'])
  assert.deepEqual(chosen({ maxUsedSpace: 0 }), ['child of old', 'old', 'new'])
  assert.deepEqual(chosen({ reservedSpace: 75 }), ['child of old', 'old'])
})

test('free space is aimed at, but what is reserved stays', () => {
  assert.deepEqual(chosen({ minFreeSpace: 50 }, 50), [])
  assert.deepEqual(chosen({ minFreeSpace: 50 }, 40), ['child of old'])
  assert.deepEqual(chosen({ minFreeSpace: 50, reservedSpace: 100 }, 0), [])
  assert.deepEqual(chosen({ minFreeSpace: 50, maxUsedSpace: 90, reservedSpace: 75 }, 0), [
    'child of old',
    'old',
  ])
})
