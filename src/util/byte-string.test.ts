import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeBytes, encodeBytes } from './byte-string.ts'

test('every name comes back byte for byte, and different bytes give different strings', () => {
  const names = [
    '61',
    'c3a9',
    'e9',
    'ffc3a9fe',
    'eda080',
    'efbfbd',
    'efbfbdff',
    'f09f9880',
    'f09f98',
    'c0af',
    '',
  ]
  const seen = new Set<string>()
  for (const hex of names) {
    const bytes = Buffer.from(hex, 'hex')
    const text = decodeBytes(bytes)
    assert.equal(encodeBytes(text).toString('hex'), hex)
    seen.add(text)
  }
  assert.equal(seen.size, names.length)
})

test('valid UTF-8 is the plain text', () => {
  assert.equal(decodeBytes(Buffer.from('é\u{1F600}\uFEFF')), 'é\u{1F600}\uFEFF')
  assert.equal(encodeBytes('é').toString('hex'), 'c3a9')
})
