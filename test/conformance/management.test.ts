import assert from 'node:assert/strict'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { codesOf, conforms, type Repository } from './client.ts'

const { ociIndex } = mediaTypes
const index = (name: string): string =>
  JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [], annotations: { name } })
const missing = sha256('nobody has these bytes')

async function statusOf(repository: Repository, method: string, path: string): Promise<number> {
  return (await repository.send(method, path)).status
}

conforms('a tag is deleted, and its manifest stays', async (repository) => {
  for (const tag of ['one', 'two']) await repository.put(tag, index('same'), ociIndex)
  assert.equal(await statusOf(repository, 'DELETE', 'manifests/one'), 202)
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    assert.equal(await statusOf(repository, method, 'manifests/one'), 404)
  }
  assert.equal(await statusOf(repository, 'GET', 'manifests/two'), 200)
  assert.equal(await statusOf(repository, 'GET', `manifests/${sha256(index('same'))}`), 200)
  const tags = await (await repository.send('GET', 'tags/list')).json()
  assert.deepEqual(tags, { name: repository.name, tags: ['two'] })
})

conforms('a manifest is deleted with all its tags', async (repository) => {
  for (const tag of ['one', 'two']) await repository.put(tag, index('same'), ociIndex)
  await repository.put('three', index('another'), ociIndex)
  assert.equal(await statusOf(repository, 'DELETE', `manifests/${sha256(index('same'))}`), 202)
  for (const reference of ['one', 'two', sha256(index('same'))]) {
    assert.equal(await statusOf(repository, 'GET', `manifests/${reference}`), 404)
  }
  assert.equal(await statusOf(repository, 'GET', 'manifests/three'), 200)
})

conforms('a blob is deleted from its repository alone', async (repository) => {
  const other = repository.other('conformance/repo2')
  const digest = await repository.pushBlob('shared')
  await other.pushBlob('shared')
  const deleted = await repository.send('DELETE', `blobs/${digest}`)
  assert.equal(deleted.status, 202)
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    assert.equal(await statusOf(repository, method, `blobs/${digest}`), 404)
  }
  assert.equal(await (await other.send('GET', `blobs/${digest}`)).text(), 'shared')
  await repository.pushBlob('shared')
  assert.equal(await statusOf(repository, 'GET', `blobs/${digest}`), 200)
})

conforms('deleting what is not there is 404', async (repository) => {
  for (const [path, code] of [
    ['manifests/none', 'MANIFEST_UNKNOWN'],
    [`manifests/${missing}`, 'MANIFEST_UNKNOWN'],
    [`blobs/${missing}`, 'BLOB_UNKNOWN'],
  ] as const) {
    const answer = await repository.send('DELETE', path)
    assert.equal(answer.status, 404)
    assert.deepEqual(await codesOf(answer), [code])
  }
})

conforms('a method that an endpoint has not is 405, with those it has', async (repository) => {
  const answer = await repository.send('PATCH', 'manifests/v1', 'x')
  assert.equal(answer.status, 405)
  assert.deepEqual(await codesOf(answer), ['UNSUPPORTED'])
  assert.equal(answer.headers.get('allow'), 'GET, HEAD, PUT, DELETE')
})
