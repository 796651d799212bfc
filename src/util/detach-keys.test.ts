import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detachScanner, parseDetachKeys } from './detach-keys.ts'

test('the keys are found across chunks, what is typed before them passes', () => {
  const scan = detachScanner()
  assert.deepEqual(scan(Buffer.from('ab\x10')), { bytes: Uint8Array.from(Buffer.from('ab')), found: false })
  assert.equal(scan(Buffer.from('\x11')).found, true)
})

test('half a sequence is handed on once it is no sequence', () => {
  const scan = detachScanner()
  scan(Buffer.from('\x10'))
  assert.equal(Buffer.from(scan(Buffer.from('x\x10\x10')).bytes).toString(), '\x10x\x10')
  assert.equal(scan(Buffer.from('\x11')).found, true)
})

test('key names', () => {
  assert.deepEqual(parseDetachKeys('ctrl-p,q,ctrl-@'), [16, 113, 0])
  assert.throws(() => parseDetachKeys('ctrl-1'), { code: 'CLI_FAILED', message: /unknown key 'ctrl-1'/ })
})
