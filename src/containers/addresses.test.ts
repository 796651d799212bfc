import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { freeAddress } from './addresses.ts'

const subnet = { gateway: '172.30.0.1', prefix: '172.30.0.0', prefixLength: 30 }

test('skips the gateway and taken addresses', () => {
  assert.equal(freeAddress(subnet, new Set()), '172.30.0.2')
  const wide = { ...subnet, prefixLength: 16 }
  const taken = new Set(Array.from({ length: 254 }, (_, i) => `172.30.0.${i + 2}`))
  assert.equal(freeAddress(wide, taken), '172.30.1.0')
})

test('a full subnet is an error, the broadcast address is never given', () => {
  assert.throws(
    () => freeAddress(subnet, new Set(['172.30.0.2'])),
    (error) => isMilleError(error, 'ADDRESS_POOL_EXHAUSTED'),
  )
})
