import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readText } from '../../src/util/read-text.ts'

const top = join(import.meta.dirname, '../..')

/** `B-RN-11`, `C-T17`, `A33`: as comments and titles of tests cite them. */
const cited = /(?<![\w-])([BCD]-[A-Z]{1,2}-?\d+|[A-F]\d{2,3})(?![\w-])/g

test('every rule that code, tests or documents cite is explained', () => {
  const known = new Set(
    [...readText(join(top, 'docs/rules.md')).matchAll(/^\| (\S+) \|/gm)].map(([, rule]) => rule),
  )
  const unknown = globSync(['src/**/*.ts', 'test/**/*.ts', 'docs/*.md'], { cwd: top })
    .filter((path) => path !== 'docs/rules.md' && !path.includes('testdata'))
    .flatMap((path) => {
      const rules = [...readText(join(top, path)).matchAll(cited)].map(([, rule = '']) => rule)
      return rules.filter((rule) => !known.has(rule)).map((rule) => `${path}: ${rule}`)
    })
  assert.deepEqual([...new Set(unknown)], [])
})
