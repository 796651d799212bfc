import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BrokenTries } from './broken-tries.ts'

suite('tries of a transfer that breaks', () => {
  test('without progress: pauses that grow, then the end', () => {
    const tries = new BrokenTries(3, 10)
    assert.deepEqual([tries.next(10), tries.next(10), tries.next(10)], [1, 2, undefined])
  })

  test('any byte begins the count again', () => {
    const tries = new BrokenTries(2)
    for (let at = 1; at < 40; at++) assert.deepEqual([tries.next(at), tries.next(at)], [1, 1])
  })

  test('bytes fetched again after a start from nothing are no progress', () => {
    const tries = new BrokenTries(3)
    assert.deepEqual([tries.next(500), tries.next(0), tries.next(500), tries.next(400)], [1, 1, 2, undefined])
  })

  test('crumbs end too, but not while much comes in between', () => {
    const crumbs = new BrokenTries(5)
    let tries = 1
    while (crumbs.next(tries) !== undefined) tries++
    assert.equal(tries, 50)
    const much = new BrokenTries(5)
    for (let at = 0, i = 0; i < 200; i++) assert.equal(much.next((at += i % 2 === 0 ? 7 : 1024 * 1024)), 1)
  })
})
