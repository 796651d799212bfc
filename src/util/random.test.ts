import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { randomBetween, randomBytes, randomHex } from './random.ts'

test('bytes come in the wanted number and never twice', () => {
  const drawn = Array.from({ length: 100 }, () => randomHex(16))
  assert.equal(new Set(drawn).size, 100)
  for (const text of drawn) assert.match(text, /^[0-9a-f]{32}$/)
  assert.equal(randomBytes(1000).length, 1000)
})

test('numbers stay in their range and reach both its ends', () => {
  const drawn = new Set(Array.from({ length: 500 }, () => randomBetween(3, 7)))
  assert.deepEqual([...drawn].toSorted(), [3, 4, 5, 6])
})
