import assert from 'node:assert/strict'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { codesOf, conforms } from './client.ts'

const { ociIndex, ociManifest, ociEmpty } = mediaTypes
const index = (name: string): string =>
  JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [], annotations: { name } })

conforms('a manifest under the digest of another is 400, and not kept', async (repository) => {
  const body = index('one')
  const refused = await repository.put(sha256(`${body}  `), body, ociIndex)
  assert.equal(refused.status, 400)
  assert.deepEqual(await codesOf(refused), ['DIGEST_INVALID'])
  for (const name of [sha256(body), sha256(`${body}  `)]) {
    assert.equal((await repository.send('HEAD', `manifests/${name}`)).status, 404)
  }
})

conforms('tags as parameters of a push by digest', async (repository) => {
  const body = index('tagged')
  const tags = Array.from({ length: 12 }, (_, number) => `v${number}`)
  const query = tags.map((tag) => `tag=${tag}`).join('&')
  const put = await repository.put(`${sha256(body)}?${query}`, body, ociIndex)
  assert.equal(put.status, 201)
  assert.deepEqual(put.headers.get('oci-tag')?.split(', '), tags)
  for (const tag of tags) {
    const answer = await repository.send('GET', `manifests/${tag}`)
    assert.equal(answer.headers.get('docker-content-digest'), sha256(body))
  }
  const plain = await repository.put(sha256(body), body, ociIndex)
  assert.equal(plain.headers.get('oci-tag'), null)
  const wrong = await repository.put(`${sha256(body)}?tag=good&tag=..`, body, ociIndex)
  assert.equal(wrong.status, 400)
  assert.equal((await repository.send('HEAD', 'manifests/good')).status, 404)
  const many = Array.from({ length: 101 }, (_, number) => `tag=m${number}`).join('&')
  assert.equal((await repository.put(`${sha256(body)}?${many}`, body, ociIndex)).status, 414)
})

conforms('a manifest of 4 MiB is taken, a larger one is 413', async (repository) => {
  const sized = (size: number): string => {
    const body = index('')
    return body.replace('"name":""', `"name":"${'x'.repeat(size - body.length)}"`)
  }
  const limit = 4 * 1024 * 1024
  const fits = sized(limit)
  assert.equal(fits.length, limit)
  assert.equal((await repository.put('fits', fits, ociIndex)).status, 201)
  const refused = await repository.put('large', sized(limit + 1), ociIndex)
  assert.equal(refused.status, 413)
})

conforms('a manifest whose blobs are missing is MANIFEST_BLOB_UNKNOWN', async (repository) => {
  const config = { mediaType: ociEmpty, digest: sha256('{}'), size: 2 }
  const body = JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config, layers: [config] })
  const refused = await repository.put('v1', body, ociManifest)
  assert.equal(refused.status, 400)
  assert.deepEqual(await codesOf(refused), ['MANIFEST_BLOB_UNKNOWN'])
  // another repository's blob is no blob of this one
  await repository.other('conformance/repo2').pushBlob('{}')
  assert.equal((await repository.put('v1', body, ociManifest)).status, 400)
  await repository.pushBlob('{}')
  assert.equal((await repository.put('v1', body, ociManifest)).status, 201)
})

conforms('parameters of the content type mean nothing', async (repository) => {
  const body = index('parameters')
  assert.equal((await repository.put('v1', body, `${ociIndex}; charset=utf-8`)).status, 201)
  assert.equal((await repository.send('GET', 'manifests/v1')).headers.get('content-type'), ociIndex)
})

conforms('a tag is moved by the next push', async (repository) => {
  for (const name of ['one', 'two']) {
    assert.equal((await repository.put('latest', index(name), ociIndex)).status, 201)
    const answer = await repository.send('GET', 'manifests/latest')
    assert.equal(await answer.text(), index(name))
  }
  assert.equal((await repository.send('GET', `manifests/${sha256(index('one'))}`)).status, 200)
})
