import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseStrictJson } from './strict-json.ts'

const limits = { maxBytes: 10_000, maxDepth: 5 }
const parse = (text: string | Buffer): unknown => parseStrictJson(Buffer.from(text), limits)

suite('parseStrictJson', () => {
  for (const text of [
    '{}',
    ' [1, 2.5, -3e2, true, null, "a"] ',
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    '{"a\\"b":1,"a":"b\\":","c":"{\\"a\\":1,\\"a\\":2}"}',
    '{"a" \n:\t1}',
    '[[[[[]]]]]',
    '"[[[[[[[["',
    '"é𝒳"',
  ]) {
    test(`reads ${text}`, () => assert.deepEqual(parse(text), JSON.parse(text)))
  }

  for (const [text, code] of [
    ['{"a":1,"a":2}', 'JSON_INVALID'],
    ['{"a":1,"\\u0061":2}', 'JSON_INVALID'],
    ['[{"x":{"a":1,"b":2,"a":3}}]', 'JSON_INVALID'],
    ['{"__proto__":1,"__proto__":2}', 'JSON_INVALID'],
    ['[[[[[[]]]]]]', 'JSON_INVALID'],
    ['{} {}', 'JSON_INVALID'],
    ['', 'JSON_INVALID'],
    ['{"a":', 'JSON_INVALID'],
    ['"open', 'JSON_INVALID'],
    ['"ends in \\', 'JSON_INVALID'],
    ['\ufeff{}', 'JSON_INVALID'],
    [' '.repeat(10_001), 'JSON_TOO_LARGE'],
  ] as const) {
    test(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => assert.throws(() => parse(text), { code }))
  }

  test('refuses bytes that are no UTF-8', () => {
    assert.throws(() => parse(Buffer.from([0x22, 0xc0, 0x80, 0x22])), { code: 'JSON_INVALID' })
  })
})

test('a syntax error has a place, and quotes nothing', () => {
  assert.throws(() => parseStrictJson(Buffer.from('{\n  "secret": {,}\n}'), { maxBytes: 100 }), {
    message: 'invalid JSON: syntax error at line 2, column 14',
  })
})
