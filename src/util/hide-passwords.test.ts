import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hidePasswords } from './hide-passwords.ts'

test('passwords of URLs are hidden, wherever they stand; nothing else changes', () => {
  assert.equal(
    hidePasswords('ADD http://u:secret@h/x https://:p@h /y'),
    'ADD http://u:***@h/x https://:***@h /y',
  )
  assert.equal(hidePasswords('http://u:secret@h', { sameLength: true }), 'http://u:******@h')
  for (const text of ['http://h:80/a@b', 'git@host:path', 'http://user@h/', 'a:b@c'])
    assert.equal(hidePasswords(text), text)
})
