import assert from 'node:assert/strict'
import { test } from 'node:test'
import { humanSize } from '../../util/human-size.ts'
import { alignColumns } from './align-columns.ts'
import { printRows } from './print-rows.ts'
import { parseSize } from './units.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import { humanDuration } from '../../util/human-duration.ts'

test('sizes are decimal with 3 or 4 significant digits', () => {
  const sizes: readonly (readonly [number, string, string])[] = [
    [0, '0B', '0B'],
    [999, '999B', '999B'],
    [1000, '1kB', '1kB'],
    [8_512_345, '8.51MB', '8.512MB'],
    [116_600_000, '117MB', '116.6MB'],
    [1_500_000_000, '1.5GB', '1.5GB'],
  ]
  for (const [bytes, three, four] of sizes) {
    assert.equal(humanSize(bytes, 3), three)
    assert.equal(humanSize(bytes), four)
  }
})

test("durations in Docker's words", () => {
  const second = 1000
  const hour = 3600 * second
  const durations: readonly (readonly [number, string])[] = [
    [500, 'Less than a second'],
    [1 * second, '1 second'],
    [59 * second, '59 seconds'],
    [60 * second, 'About a minute'],
    [119 * second, 'About a minute'],
    [120 * second, '2 minutes'],
    [59 * 60 * second, '59 minutes'],
    [hour, 'About an hour'],
    [1.5 * hour, '2 hours'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [13 * 24 * hour, '13 days'],
    [14 * 24 * hour, '2 weeks'],
    [60 * 24 * hour, '2 months'],
    [800 * 24 * hour, '2 years'],
  ]
  for (const [milliseconds, words] of durations) assert.equal(humanDuration(milliseconds), words)
})

test('memory sizes are binary', () => {
  assert.equal(parseBytes('64m'), 64 * 2 ** 20)
  assert.equal(parseBytes('1.5g'), 1.5 * 2 ** 30)
  assert.equal(parseBytes('10'), 10)
  assert.equal(parseBytes('1GiB'), 2 ** 30)
  for (const bad of ['x', '-5', '5q', '', '1e9']) assert.throws(() => parseBytes(bad), /invalid size/)
})

test('columns are at least 10 wide, 3 apart, the last not padded', () => {
  assert.equal(alignColumns('A\tB\nlong cell here\tx'), 'A                B\nlong cell here   x')
  assert.equal(alignColumns('SIZE\tX\n…\ty'), 'SIZE      X\n…         y')
})

test('row formats', () => {
  const rows = [{ ID: 'aa', Name: 'one' }]
  const base = { table: '{{.ID}}\t{{.Name}}', headers: { ID: 'ID', Name: 'NAME' } }
  assert.equal(printRows(rows, base), 'ID        NAME\naa        one\n')
  assert.equal(printRows(rows, { ...base, quiet: 'ID' }), 'aa\n')
  assert.equal(printRows(rows, { ...base, format: 'json' }), '{"ID":"aa","Name":"one"}\n')
  assert.equal(printRows(rows, { ...base, format: String.raw`{{.Name}}\t{{.ID}}` }), 'one\taa\n')
  assert.equal(printRows(rows, { ...base, format: 'table {{upper .Name}}: {{.ID}}' }), 'NAME: ID\nONE: aa\n')
  assert.equal(printRows([], { ...base, format: '{{.ID}}' }), '')
})

test('cells of a table show control characters, also those that a row method returns', () => {
  const rows = [{ Label: (key: unknown) => `${String(key)}\x1b[2J` }]
  const options = { table: '{{.Label "k"}}', headers: { Label: 'LABEL' } }
  assert.equal(printRows(rows, options), 'LABEL\nk\\x1b[2J\n')
})

test('sizes of images are decimal, as they are listed, or binary by name', () => {
  const sizes: readonly (readonly [string, number])[] = [
    ['120MB', 120_000_000],
    ['1.5g', 1_500_000_000],
    ['1GiB', 2 ** 30],
    ['17', 17],
  ]
  for (const [text, bytes] of sizes) assert.equal(parseSize(text), bytes)
  assert.throws(() => parseSize('lots'), { message: "invalid size: 'lots' (120MB, 1.5GB, 800MiB)" })
})
