import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Freshness } from './freshness.ts'

const minute = 60_000
const hour = 60 * minute

function setUp(): {
  freshness: Freshness
  wait: (time: number) => void
  isFresh: (pushed?: number) => boolean
} {
  let now = 5 * hour
  const freshness = new Freshness(() => now)
  return {
    freshness,
    wait: (time) => void (now += time),
    isFresh: (pushed = 0) => freshness.isFresh('app', 'blob', pushed, hour),
  }
}

test('a blob is fresh for its grace time, counted from the last time it was pushed or asked for', () => {
  const { freshness, wait, isFresh } = setUp()
  freshness.touchBlob('app', 'blob')
  wait(50 * minute)
  assert.equal(isFresh(), true)
  freshness.touchBlob('app', 'blob')
  wait(50 * minute)
  assert.equal(isFresh(), true)
  wait(10 * minute)
  assert.equal(isFresh(), false)
  assert.equal(freshness.isFresh('other', 'blob', 0, hour), false)
})

test('the first blob of a slow push waits for the last one, for a day', () => {
  const { freshness, wait, isFresh } = setUp()
  freshness.touchBlob('app', 'blob')
  for (let part = 0; part < 47; part++) {
    freshness.touchRepository('app')
    wait(30 * minute)
    assert.equal(isFresh(), true)
  }
  freshness.prune(hour)
  assert.equal(isFresh(), true)
  freshness.touchRepository('app')
  wait(30 * minute)
  assert.equal(isFresh(), false)
})

test('a blob of an earlier process counts by the wall clock, also when that was set back', () => {
  const { isFresh } = setUp()
  assert.equal(isFresh(Date.now() - 30 * minute), true)
  assert.equal(isFresh(Date.now() + 30 * minute), true)
  assert.equal(isFresh(Date.now() - 2 * hour), false)
})
