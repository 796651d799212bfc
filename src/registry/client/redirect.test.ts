import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isPrivateAddress } from './private-address.ts'
import { redactUrl, redirectTarget } from './redirect.ts'

suite('redirectTarget', () => {
  const good: readonly (readonly [string, string, string])[] = [
    ['https://a.io/v2/', '/other', 'https://a.io/other'],
    ['https://a.io/v2/', 'https://cdn.io/x?sig=1', 'https://cdn.io/x?sig=1'],
    ['http://127.0.0.1:1/', 'http://localhost:2/x', 'http://localhost:2/x'],
    ['http://127.0.0.1:1/', 'https://a.io/x', 'https://a.io/x'],
  ]
  for (const [from, location, expected] of good) {
    test(`${from} to ${location}`, () => assert.equal(redirectTarget(new URL(from), location).href, expected))
  }
  const bad: readonly (readonly [string, string])[] = [
    ['https://a.io/', 'http://a.io/'],
    ['https://a.io/', 'file:///etc/passwd'],
    ['https://a.io/', 'gopher://a.io/'],
    ['https://a.io/', 'https://user:pw@b.io/'],
    ['https://a.io/', 'https://127.0.0.1/'],
    ['https://a.io/', 'https://0x7f.1/'],
    ['https://a.io/', 'https://2130706433/'],
    ['https://a.io/', 'https://169.254.169.254/latest'],
    ['https://a.io/', 'https://[::1]/'],
    ['https://a.io/', 'https://[::ffff:10.0.0.1]/'],
    ['https://a.io/', 'https://localhost/'],
    ['https://a.io/', 'https://'],
  ]
  for (const [from, location] of bad) {
    test(`refuses ${from} to ${location}`, () => {
      assert.throws(() => redirectTarget(new URL(from), location), { code: 'REGISTRY_REDIRECT_REFUSED' })
    })
  }
})

test('the refusal shows neither password nor signature', () => {
  assert.throws(
    () => redirectTarget(new URL('https://a.io/'), 'http://me:s3cret@b.io/x?sig=s3cret'),
    (error: Error) => !error.message.includes('s3cret'),
  )
  assert.equal(redactUrl('https://u:p@h/x?a=b'), 'https://h/x?…')
})

test('private addresses', () => {
  for (const host of [
    '10.1.2.3',
    '192.168.0.1',
    '172.31.0.1',
    '100.64.0.1',
    '[fd00::1]',
    '[fe80::1]',
    '0.0.0.0',
  ]) {
    assert.ok(isPrivateAddress(host), host)
  }
  for (const host of ['8.8.8.8', 'a.io', '172.32.0.1', '[2001:db8::1]'])
    assert.ok(!isPrivateAddress(host), host)
})
