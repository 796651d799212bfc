import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configHash } from './config-hash.ts'

test('the digest of a service is about what its containers are, not how many or after whom', () => {
  const hash = configHash({ image: 'a', environment: { A: '1', B: '2' } })
  const same = [
    { environment: { B: '2', A: '1' }, image: 'a' },
    { image: 'a', environment: { A: '1', B: '2' }, scale: 3, pull_policy: 'always', profiles: ['x'] },
    { image: 'a', environment: { A: '1', B: '2' }, deploy: { replicas: 2 }, build: { context: '.' } },
  ]
  for (const service of same) assert.equal(configHash(service), hash)
  assert.notEqual(configHash({ image: 'a', environment: { A: '1' } }), hash)
  assert.notEqual(
    configHash({
      image: 'a',
      environment: { A: '1', B: '2' },
      deploy: { resources: { limits: { pids: 1 } } },
    }),
    hash,
  )
})
