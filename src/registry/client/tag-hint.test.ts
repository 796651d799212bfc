import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tagHint } from './tag-hint.ts'

const hint = (tag: string, tags: readonly string[]): Promise<string> =>
  tagHint(
    tag,
    (async function* () {
      yield* tags
    })(),
  )

test('names the near tag, else some of those that are there', async () => {
  assert.equal(await hint('latets', ['latest', '1.0']), ' (did you mean latest?)')
  assert.equal(await hint('stable', ['1.0', '2.0']), ' (there are 1.0, 2.0)')
  const many = Array.from({ length: 8 }, (_, index) => `v${index}`)
  assert.equal(await hint('stable', many), ' (there are v0, v1, v2, v3, v4 and 3 others)')
  assert.equal(await hint('stable', []), '')
})

test('an endless list is not read to its end', async () => {
  let read = 0
  const endless = async function* (): AsyncGenerator<string> {
    for (;;) yield `v${read++}`
  }
  assert.match(await tagHint('stable', endless()), / and 995 or more others\)$/)
  assert.equal(read, 1000)
})
