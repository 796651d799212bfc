import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMountWords } from './volume-options.ts'

test('words of mount(8) become flags, the rest is for the file system', () => {
  assert.deepEqual(parseMountWords('ro,noexec,size=1m,uid=5,rw'), {
    flags: 8,
    propagation: 0,
    data: 'size=1m,uid=5',
  })
  assert.deepEqual(parseMountWords('rbind,rslave'), { flags: 0x5000, propagation: 0x84000, data: '' })
  assert.deepEqual(parseMountWords(''), { flags: 0, propagation: 0, data: '' })
})
