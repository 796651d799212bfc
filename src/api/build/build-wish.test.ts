import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { parseQuery } from '../http/query.ts'
import { toBuildWish } from './build-wish.ts'

const wish = (query: Readonly<Record<string, string>>): ReturnType<typeof toBuildWish> =>
  toBuildWish({
    query: parseQuery(new URLSearchParams(query).toString()),
    headers: {},
    body: Readable.from([]),
  })

test('images named as cache are imported, security options refused by name', () => {
  assert.deepEqual(wish({ cachefrom: '["app:1","r.example/app"]' }).cacheFrom, [
    { address: { type: 'registry', ref: 'app:1' }, mountBytes: 0 },
    { address: { type: 'registry', ref: 'r.example/app' }, mountBytes: 0 },
  ])
  for (const none of ['', '[]', 'null']) assert.deepEqual(wish({ cachefrom: none }).cacheFrom, [])
  assert.throws(() => wish({ cachefrom: '["App"]' }), /invalid reference format/)
  assert.throws(() => wish({ securityopt: '["seccomp=unconfined"]' }), /^MilleError: securityopt is not/)
})
