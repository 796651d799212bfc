import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FoundRepository } from '../registry/repository.ts'
import { searchRegistries } from './search-registries.ts'

const repository = (name: string, stars: number): FoundRepository => ({
  name,
  description: '',
  stars,
  isOfficial: !name.includes('/'),
})
const all = [repository('team/web', 3), repository('nginx', 900), repository('other/nginx', 10)]
const asked: unknown[] = []
const client = {
  search: async (registry: string, term: string, { limit }: { readonly limit: number }) => {
    asked.push([registry, term, limit])
    return all
  },
}
const names = async (filters: Record<string, string[]>): Promise<string[]> =>
  (await searchRegistries(client, 'x', { filters })).map(({ name }) => name)

test('the registry is the first part when it can be one, as in names of images', async () => {
  for (const text of ['nginx', 'library/nginx', 'team/web', 'localhost/x', '127.0.0.1:5000/team/web'])
    await searchRegistries(client, text, { limit: 7 })
  assert.deepEqual(asked, [
    ['docker.io', 'nginx', 7],
    ['docker.io', 'nginx', 7],
    ['docker.io', 'team/web', 7],
    ['localhost', 'x', 7],
    ['127.0.0.1:5000', 'team/web', 7],
  ])
})

test('most stars first, and filtered (A55, A58)', async () => {
  assert.deepEqual(await names({}), ['nginx', 'other/nginx', 'team/web'])
  assert.deepEqual(await names({ stars: ['5'] }), ['nginx', 'other/nginx'])
  assert.deepEqual(await names({ 'is-official': ['true'] }), ['nginx'])
  assert.deepEqual(await names({ 'is-official': ['0'], stars: ['10'] }), ['other/nginx'])
  assert.deepEqual(await names({ 'is-automated': ['true'] }), [])
})

test('what cannot be asked for', async () => {
  for (const limit of [0, 101, 1.5])
    await assert.rejects(searchRegistries(client, 'x', { limit }), {
      message: /outside the range of \[1, 100\]/,
    })
  await assert.rejects(names({ star: ['1'] }), { code: 'INVALID_FILTER' })
  await assert.rejects(names({ stars: ['many'] }), { code: 'INVALID_FILTER_VALUE' })
  await assert.rejects(searchRegistries(client, 'a_b.c/x'), { code: 'INVALID_ARGUMENT' })
})
