import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareVersions, parseVersionRange, versionOf } from './version-range.ts'

const tags = [
  '0.0.3',
  '0.2',
  '0.2.9',
  '0.3',
  '1',
  'v1.2',
  '1.2.3',
  '1.10',
  '2.0.0',
  '2.1',
  '10',
  'latest',
  '1.2-rc1',
]

const cases: readonly (readonly [string, readonly string[]])[] = [
  ['^1.2', ['v1.2', '1.2.3', '1.10']],
  ['^0.2.1', ['0.2.9']],
  ['^0.0.3', ['0.0.3']],
  ['^0', ['0.0.3', '0.2', '0.2.9', '0.3']],
  ['~1.2.3', ['1.2.3']],
  ['~1', ['1', 'v1.2', '1.2.3', '1.10']],
  ['1.x', ['1', 'v1.2', '1.2.3', '1.10']],
  ['1.2', ['v1.2', '1.2.3']],
  ['=1.2.3', ['1.2.3']],
  ['>=1.2 <2', ['v1.2', '1.2.3', '1.10']],
  ['> 2.0', ['2.1', '10']],
  ['<=0.2', ['0.0.3', '0.2', '0.2.9']],
  ['1.2 - 2.0', ['v1.2', '1.2.3', '1.10', '2.0.0']],
  ['<0.2 || >=10', ['0.0.3', '10']],
  ['*', tags.slice(0, -2)],
]
for (const [range, wanted] of cases) {
  test(`${range} takes ${wanted.join(', ')}`, () => {
    const matches = parseVersionRange(range)
    const found = tags.filter((tag) => {
      const version = versionOf(tag)
      return version !== undefined && matches(version)
    })
    assert.deepEqual(found, wanted)
  })
}

test('numbers are compared as numbers', () => {
  assert.ok(compareVersions([1, 10, 0], [1, 9, 9]) > 0)
})

test('what is no range says so', () => {
  for (const text of ['', 'new', '1.2.3.4', '>=', '^1.2-rc1'])
    assert.throws(() => parseVersionRange(text), /is no version/, text)
})
