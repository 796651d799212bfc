import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { test } from 'node:test'
import { eachLimited } from './each-limited.ts'

test('results come in the order of the items, whichever ends first', async () => {
  const results = await eachLimited([30, 1, 10], 3, async (milliseconds) => {
    await setTimeout(milliseconds)
    return milliseconds
  })
  assert.deepEqual(results, [30, 1, 10])
})

test('never more than the limit run at once', async () => {
  let running = 0
  let most = 0
  await eachLimited([1, 2, 3, 4, 5, 6], 2, async () => {
    running++
    most = Math.max(most, running)
    await setTimeout(2)
    running--
  })
  assert.equal(most, 2)
})

test('a failure stops the queue and waits for what runs', async () => {
  const ended: number[] = []
  const work = async (item: number): Promise<void> => {
    if (item === 1) throw new Error('one')
    await setTimeout(5)
    ended.push(item)
  }
  await assert.rejects(eachLimited([2, 1, 3, 4], 2, work), /one/)
  assert.deepEqual(ended, [2])
})
