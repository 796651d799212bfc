import assert from 'node:assert/strict'
import { test } from 'node:test'
import { version } from './version.ts'
import { readText } from './read-text.ts'

test('the version is the one of package.json', () => {
  const text = readText(new URL('../../package.json', import.meta.url))
  assert.equal((JSON.parse(text) as { version: string }).version, version)
})
