import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { errorTable } from './error-table.ts'
import { readText } from './read-text.ts'

test('codes are sorted in each section of the table', () => {
  const source = readText(join(import.meta.dirname, 'error-table.ts'))
  const sections = source
    .split(/^ {2}\/\/ /m)
    .map((section) => [...section.matchAll(/^ {2}([A-Z\d_]+): \[/gm)].map(([, code = '']) => code))
  for (const codes of sections) assert.deepEqual(codes, codes.toSorted())
  assert.deepEqual(sections.flat(), Object.keys(errorTable))
})
