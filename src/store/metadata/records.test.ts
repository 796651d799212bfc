import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTempStore } from '../../../test/support/temp-store.ts'
import type { ChainId } from '../../oci/digest.ts'
import { sha256 } from '../../oci/digest.ts'
import { isMilleError } from '../../util/errors.ts'
import type { CacheRecord } from '../store.ts'

test('records: insert, find by name, id and prefix, update, rename, remove', async () => {
  await using store = await openTempStore()
  const rows = store.records<{ readonly n: number }>('container')
  rows.insert({ id: 'abc1', name: 'web', data: { n: 1 }, holds: [{ kind: 'chain', chain: 'c' as ChainId }] })
  rows.insert({ id: 'abd2', name: 'db', data: { n: 2 } })
  assert.equal(rows.find('web')?.id, 'abc1')
  assert.equal(rows.find('abd')?.name, 'db')
  assert.equal(rows.find('abc1')?.holds?.length, 1)
  assert.equal(rows.find('x'), undefined)
  assert.equal(rows.find(''), undefined)
  assert.throws(
    () => rows.find('ab'),
    (error) => isMilleError(error, 'AMBIGUOUS_ID'),
  )
  assert.equal(rows.update('abc1', ({ n }) => ({ n: n + 10 }))?.data.n, 11)
  assert.equal(rows.get('abc1')?.data.n, 11)
  assert.equal(
    rows.update('gone', (data) => data),
    undefined,
  )
  rows.rename('abd2', 'store')
  assert.equal(rows.find('db'), undefined)
  assert.deepEqual(
    rows.list().map(({ name }) => name),
    ['web', 'store'],
  )
  assert.equal(rows.remove('abc1'), true)
  assert.equal(rows.remove('abc1'), false)
})

test('records: a taken name is refused and nothing changes; kinds do not share names', async () => {
  await using store = await openTempStore()
  const rows = store.records<number>('container')
  rows.insert({ id: 'a', name: 'web', data: 1 })
  rows.insert({ id: 'b', name: 'db', data: 2 })
  const taken = (error: unknown): boolean =>
    isMilleError(error, 'NAME_IN_USE') && error.details['holder'] === 'a'
  assert.throws(() => {
    rows.insert({ id: 'c', name: 'web', data: 3 })
  }, taken)
  assert.throws(() => {
    rows.insert({ id: 'a', name: 'other', data: 3 })
  }, taken)
  assert.throws(() => {
    rows.rename('b', 'web')
  }, taken)
  rows.rename('a', 'web')
  assert.deepEqual(
    rows.list().map(({ id, name }) => [id, name]),
    [
      ['a', 'web'],
      ['b', 'db'],
    ],
  )
  store.records<number>('volume').insert({ id: 'a', name: 'web', data: 1 })
})

test('records: an update whose change throws leaves the row as it was', async () => {
  await using store = await openTempStore()
  const rows = store.records<number>('container')
  rows.insert({ id: 'a', name: 'web', data: 1 })
  assert.throws(
    () =>
      rows.update('a', () => {
        throw new TypeError('no')
      }),
    TypeError,
  )
  assert.equal(rows.get('a')?.data, 1)
  assert.equal(rows.update('a', (n) => n + 1)?.data, 2)
})

test('cache: put, find, touch, lineage newest first, remove', async () => {
  await using store = await openTempStore()
  const record = (text: string, lineage: string): Omit<CacheRecord, 'createdAt' | 'lastUsedAt' | 'uses'> => ({
    key: sha256(text),
    lineage,
    ingredients: [{ kind: 'file', name: 'src/a.ts', value: text }],
    description: `RUN ${text}`,
    data: { text },
    size: text.length,
  })
  for (const text of ['one', 'two', 'three']) store.cache.put(record(text, 'step 1'))
  store.cache.put(record('other', 'step 2'))
  store.cache.touch(sha256('two'))
  const found = store.cache.find(sha256('two'))
  assert.equal(found?.uses, 1)
  assert.deepEqual(found?.data, { text: 'two' })
  assert.deepEqual(found?.ingredients, [{ kind: 'file', name: 'src/a.ts', value: 'two' }])
  assert.deepEqual(
    store.cache.lineage('step 1', 2).map(({ description }) => description),
    ['RUN three', 'RUN two'],
  )
  store.cache.put(record('one', 'step 1'))
  assert.equal(store.cache.lineage('step 1')[0]?.description, 'RUN one')
  store.cache.remove([sha256('one'), sha256('gone')])
  assert.equal(store.cache.find(sha256('one')), undefined)
  assert.equal(store.cache.list().length, 3)
})
