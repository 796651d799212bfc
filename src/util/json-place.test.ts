import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { jsonErrorPlace } from './json-place.ts'

suite('jsonErrorPlace', () => {
  for (const [text, line, column] of [
    ['', 1, 1],
    ['{\n  "x": }', 2, 8],
    ['{"a": 1,}', 1, 9],
    ['{"a" 1}', 1, 6],
    ['{"a": 1 "b": 2}', 1, 9],
    ['{a: 1}', 1, 2],
    ['[1, 2', 1, 6],
    ['[1, 2}', 1, 6],
    ['[,]', 1, 2],
    ['{"a":\n\t"b\n"}', 2, 4],
    ['{"a": "b\\x"}', 1, 9],
    ['{"a": "b', 1, 9],
    ['[tru]', 1, 2],
    ['[-]', 1, 2],
    ['{} {}', 1, 4],
    ['[01]', 1, 3],
    ["{'a': 1}", 1, 2],
    [']', 1, 1],
  ] as const) {
    test(JSON.stringify(text), () => {
      assert.throws(() => JSON.parse(text))
      assert.deepEqual(jsonErrorPlace(text), { line, column })
    })
  }
})
