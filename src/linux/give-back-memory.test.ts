import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveBackMemory } from './give-back-memory.ts'

test('what nobody holds any more is gone at once', () => {
  const fill = (): number => {
    const garbage = Array.from({ length: 200_000 }, (_, index) => ({ index, text: `number ${index}` }))
    assert.equal(garbage.length, 200_000)
    return process.memoryUsage().heapUsed
  }
  const full = fill()
  giveBackMemory()
  assert.ok(process.memoryUsage().heapUsed < full - 10_000_000)
  giveBackMemory()
})
