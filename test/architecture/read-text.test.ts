import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '../..')

test('no file is read by readFileSync with utf8: that breaks the heap on files of /proc (see util/read-text.ts)', () => {
  const wrong = globSync('{src,test/support}/**/*.ts', { cwd: root }).filter((file) => {
    const source = readFileSync(join(root, file)).toString()
    return !file.endsWith('read-text.ts') && /readFileSync\([^;]*?, *'utf-?8'\)/.test(source)
  })
  assert.deepEqual(wrong, [])
})
