import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp6, isInSubnet6, parseIp6, parseSubnet6, withoutHostBits6 } from './ip6-address.ts'

test('addresses are read in every form and written in one (RFC 5952)', () => {
  const forms = {
    'fd00::1': 'fd00::1',
    'FD00:0:0:0:0:0:0:1': 'fd00::1',
    '::': '::',
    '::1': '::1',
    '1:2:3:4:5:6:7:8': '1:2:3:4:5:6:7:8',
    'fd00::': 'fd00::',
    '::ffff:10.0.0.1': '::ffff:a00:1',
  }
  for (const [given, written] of Object.entries(forms))
    assert.equal(formatIp6(parseIp6(given) ?? -1n), written)
  for (const wrong of ['', '10.0.0.1', 'fd00::1%eth0', 'fd00:::1', 'x'])
    assert.equal(parseIp6(wrong), undefined)
})

test('a subnet has no host bits and room for members', () => {
  const subnet = parseSubnet6('fd00:1::/64')
  assert.ok(subnet)
  assert.equal(isInSubnet6(parseIp6('fd00:1::ffff') ?? 0n, subnet), true)
  assert.equal(isInSubnet6(parseIp6('fd00:1:0:1::') ?? 0n, subnet), false)
  for (const wrong of ['fd00::1/64', 'fd00::/127', 'fd00::/4', 'fd00::', '10.0.0.0/24'])
    assert.equal(parseSubnet6(wrong), undefined)
  assert.equal(withoutHostBits6('fd00::1/64'), 'fd00::/64')
  assert.equal(withoutHostBits6('fd00::'), undefined)
})
