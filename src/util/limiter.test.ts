import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { limiter } from './limiter.ts'

test('no more than the limit runs at once, in order, and a failure frees its place', async () => {
  const limited = limiter(2)
  const events: string[] = []
  let running = 0
  const work = (name: string, fails = false): Promise<string> =>
    limited(async () => {
      running += 1
      assert(running <= 2)
      events.push(name)
      await turn()
      running -= 1
      if (fails) throw new Error(name)
      return name
    })
  const results = await Promise.allSettled([work('a'), work('b', true), work('c'), work('d')])
  assert.deepEqual(events, ['a', 'b', 'c', 'd'])
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed')),
    ['a', 'failed', 'c', 'd'],
  )
})
