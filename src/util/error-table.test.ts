import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { errorTable } from './error-table.ts'
import { readText } from './read-text.ts'

test('codes are sorted in each section of the table', () => {
  const codes = ['error-table.ts', 'container-errors.ts'].flatMap((file) => {
    const sections = readText(join(import.meta.dirname, file))
      .split(/^ {2}\/\/ /m)
      .map((section) => [...section.matchAll(/^ {2}([A-Z\d_]+): \[/gm)].map(([, code = '']) => code))
    for (const section of sections) assert.deepEqual(section, section.toSorted())
    return sections.flat()
  })
  assert.deepEqual(codes, Object.keys(errorTable))
})
