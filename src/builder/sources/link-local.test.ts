import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLinkLocal, isPrivate } from './link-local.ts'

test('addresses that no Dockerfile may reach', () => {
  const refused = ['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254', 'fd00:ec2::254', '0.0.0.0']
  for (const address of refused) assert.ok(isLinkLocal(address), address)
  for (const address of ['127.0.0.1', '10.1.2.3', '8.8.8.8', '2606:4700::1'])
    assert.ok(!isLinkLocal(address), address)
  for (const address of ['127.0.0.1', '10.1.2.3', '::1', '::ffff:10.0.0.1', 'fd12::1'])
    assert.ok(isPrivate(address), address)
  assert.ok(!isPrivate('8.8.8.8'))
})
