import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxySettings } from './proxy-settings.ts'

test('proxies are what the environment says: lower case first, http where no scheme is given', () => {
  assert.deepEqual(proxySettings({}), {})
  assert.deepEqual(proxySettings({ HTTP_PROXY: '', http_proxy: '' }), {})
  assert.deepEqual(proxySettings({ HTTP_PROXY: 'http://a:1', http_proxy: 'http://b:1' }), {
    httpProxy: 'http://b:1',
  })
  assert.deepEqual(proxySettings({ HTTPS_PROXY: 'proxy:3128', http_proxy: 'socks5://b:1' }), {
    httpProxy: 'socks5://b:1',
    httpsProxy: 'http://proxy:3128',
  })
})

test('D-G2 one that is none is named with its variable, without its password', () => {
  for (const [name, text, shown] of [
    ['HTTP_PROXY', 'foo://u:secret@bar', 'foo://u:***@bar'],
    ['https_proxy', 'http://[', 'http://['],
  ] as const) {
    assert.throws(() => proxySettings({ [name]: text }), {
      code: 'INVALID_ARGUMENT',
      message: `invalid ${name}: "${shown}" is no address of a proxy: use e.g. http://proxy:3128`,
    })
  }
})
