import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Repository } from '../registry/repository.ts'
import { failure } from '../util/errors.ts'
import { remoteDigest } from './pull.ts'

/** A repository whose registry fails like this whatever is asked. */
const failing = (reason: Error) => (): Promise<Repository> =>
  Promise.resolve({ resolve: () => Promise.reject(reason) } as Partial<Repository> as Repository)

test('a registry that cannot be asked: the error names the reference too', async () => {
  const error = failure('REGISTRY_UNREACHABLE', { host: 'registry-1.docker.io', reason: 'no such host' })
  await assert.rejects(remoteDigest(failing(error), 'debain'), {
    code: 'REGISTRY_UNREACHABLE',
    message:
      'failed to resolve reference "docker.io/library/debain:latest": cannot reach registry registry-1.docker.io: no such host',
  })
})

test('an answer that says what is missing stays as it is', async () => {
  const error = failure('MANIFEST_UNKNOWN', { name: 'debain:latest', hint: '' })
  await assert.rejects(remoteDigest(failing(error), 'debain'), (seen) => seen === error)
})
