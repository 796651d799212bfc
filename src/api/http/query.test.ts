import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMoment } from './moment.ts'
import { parseQuery } from './query.ts'

test('flags are read as Docker reads them', () => {
  const query = parseQuery('a=1&b=true&c=&d=0&e=False&f=none&g=x&h=no')
  const flags = [...'abcdefghi'].map((name) => query.flag(name))
  assert.deepEqual(flags, [true, true, false, false, false, false, true, false, false])
  assert.equal(query.flag('i', true), true)
})

test('filters come as lists or, from older clients, as maps', () => {
  const filters = (value: unknown): unknown =>
    parseQuery(`filters=${encodeURIComponent(JSON.stringify(value))}`).filters()
  assert.deepEqual(filters({ label: ['a=b', 'c'] }), { label: ['a=b', 'c'] })
  assert.deepEqual(filters({ label: { 'a=b': true, c: false } }), { label: ['a=b'] })
  for (const bad of [{ label: 'a' }, { label: [1] }, [], 'a', null])
    assert.throws(() => filters(bad), /^MilleError: invalid filter$/, JSON.stringify(bad))
})

test('a number that is none is named', () => {
  assert.equal(parseQuery('t=-1').whole('t'), -1)
  assert.equal(parseQuery('t=').whole('t'), undefined)
  assert.throws(() => parseQuery('t=1.5').whole('t'), /invalid value for t: "1.5"/)
})

test('times are seconds with a fraction or RFC 3339, in nanoseconds', () => {
  assert.equal(parseMoment('since', '1.000000005'), 1_000_000_005n)
  assert.equal(parseMoment('since', '12'), 12_000_000_000n)
  assert.equal(parseMoment('since', '1970-01-01T00:00:01.5Z'), 1_500_000_000n)
  assert.equal(parseMoment('since', '1970-01-01T01:00:01+01:00'), 1_000_000_000n)
  for (const nothing of ['', '0']) assert.equal(parseMoment('since', nothing), undefined)
  for (const bad of ['x', '-1', '1.0000000001', '2020-13-01T00:00:00Z'])
    assert.throws(() => parseMoment('since', bad), /invalid value for since/, bad)
})
