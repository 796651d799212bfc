import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inOrder } from './order.ts'

const needs = (
  ...names: readonly string[]
): { readonly depends_on: Record<string, { condition: 'service_started'; required: true }> } => ({
  depends_on: Object.fromEntries(
    names.map((name) => [name, { condition: 'service_started', required: true }]),
  ),
})
const project = {
  services: { web: needs('app'), app: needs('db', 'cache'), db: {}, cache: {}, alone: needs('elsewhere') },
}

async function record(reverse: boolean): Promise<string[]> {
  const seen: string[] = []
  await inOrder(
    project,
    async (name) => {
      seen.push(`>${name}`)
      await Promise.resolve()
      seen.push(`<${name}`)
    },
    { reverse },
  )
  return seen
}

test('a service comes after all that it needs, or before them', async () => {
  const before = (order: readonly string[], first: string, second: string): void =>
    assert.ok(order.indexOf(`<${first}`) < order.indexOf(`>${second}`), order.join(' '))
  const order = await record(false)
  assert.equal(order.length, 10)
  before(order, 'db', 'app')
  before(order, 'cache', 'app')
  before(order, 'app', 'web')
  const back = await record(true)
  before(back, 'web', 'app')
  before(back, 'app', 'db')
})

test('after a failure nothing more begins, and it is thrown when nothing runs', async () => {
  const seen: string[] = []
  const work = inOrder(project, async (name) => {
    await Promise.resolve()
    if (name === 'db') throw new Error('no')
    seen.push(name)
  })
  await assert.rejects(work, /^Error: no$/)
  assert.deepEqual(seen.includes('app') || seen.includes('web'), false)
})
