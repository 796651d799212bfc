import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonDifference } from './json-difference.ts'

test('the first difference by its path', () => {
  const config = { config: { Env: ['A=1', 'B=2'], Labels: { x: 'y' } }, os: 'linux' }
  assert.equal(jsonDifference(config, structuredClone(config)), undefined)
  const cases: readonly (readonly [unknown, unknown, unknown])[] = [
    [config, { ...config, os: 'x' }, { path: 'os', first: '"linux"', second: '"x"' }],
    [
      config,
      { ...config, config: { ...config.config, Env: ['A=1', 'B=3', 'C=4'] } },
      { path: 'config.Env[1]', first: '"B=2"', second: '"B=3"' },
    ],
    [config, { ...config, author: 'me' }, { path: 'author', first: undefined, second: '"me"' }],
    [{ a: {} }, { a: [] }, { path: 'a', first: '{}', second: '[]' }],
    [{ a: null }, {}, { path: 'a', first: 'null', second: undefined }],
  ]
  for (const [first, second, expected] of cases) assert.deepEqual(jsonDifference(first, second), expected)
})
