import assert from 'node:assert/strict'
import { sha256 } from '../../src/oci/digest.ts'
import { randomBytes } from '../support/random-image.ts'
import { codesOf, conforms, locationOf, octets, type Repository, withDigest } from './client.ts'

const bytes = randomBytes(1, 3000)
const digest = sha256(bytes)
const wrong = sha256('other bytes')

async function assertThere(repository: Repository, blob: string, content: Buffer): Promise<void> {
  const answer = await repository.send('GET', `blobs/${blob}`)
  assert.equal(answer.status, 200)
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), content)
}

async function assertAbsent(repository: Repository, blob: string): Promise<void> {
  assert.equal((await repository.send('HEAD', `blobs/${blob}`)).status, 404)
}

/** 201 with a Location from which the blob can be pulled. */
async function assertCreated(repository: Repository, answer: Response, content = bytes): Promise<void> {
  assert.equal(answer.status, 201)
  assert.equal(answer.headers.get('docker-content-digest'), sha256(content))
  const pulled = await repository.send('GET', locationOf(answer))
  assert.deepEqual(Buffer.from(await pulled.arrayBuffer()), content)
}

async function assertBadDigest(repository: Repository, answer: Response): Promise<void> {
  assert.equal(answer.status, 400)
  assert.deepEqual(await codesOf(answer), ['DIGEST_INVALID'])
  await assertAbsent(repository, wrong)
}

/** One chunk; gives where the next one goes. */
async function patch(
  repository: Repository,
  location: string,
  start: number,
  end: number,
): Promise<{ location: string; range: string | null }> {
  const headers = { ...octets, 'content-range': `${start}-${end - 1}` }
  const answer = await repository.send('PATCH', location, bytes.subarray(start, end), headers)
  assert.equal(answer.status, 202)
  return { location: locationOf(answer), range: answer.headers.get('range') }
}

conforms('a blob by a single POST', async (repository) => {
  const post = (name: string) => repository.send('POST', `blobs/uploads/?digest=${name}`, bytes, octets)
  await assertAbsent(repository, digest)
  await assertCreated(repository, await post(digest))
  await assertBadDigest(repository, await post(wrong))
})

conforms('a blob by POST and PUT', async (repository) => {
  const put = async (name: string) =>
    repository.send('PUT', withDigest(await repository.post(), name), bytes, octets)
  await assertCreated(repository, await put(digest))
  await assertBadDigest(repository, await put(wrong))
})

conforms('a blob in one stream by PATCH', async (repository) => {
  for (const [name, status] of [
    [digest, 201],
    [wrong, 400],
  ] as const) {
    const sent = await repository.send('PATCH', await repository.post(), bytes, octets)
    assert.equal(sent.status, 202)
    assert.equal(sent.headers.get('range'), `0-${bytes.length - 1}`)
    const put = await repository.send('PUT', withDigest(locationOf(sent), name), '')
    assert.equal(put.status, status)
  }
  await assertThere(repository, digest, bytes)
  await assertAbsent(repository, wrong)
})

conforms('a blob in chunks, closed by an empty PUT or by one with the last chunk', async (repository) => {
  for (const isLastInPut of [false, true]) {
    const chunks = [0, 1024, 2048, bytes.length]
    let location = await repository.post()
    for (const [index, start] of chunks.slice(0, isLastInPut ? 2 : 3).entries()) {
      const end = chunks[index + 1] ?? 0
      const sent = await patch(repository, location, start, end)
      assert.equal(sent.range, `0-${end - 1}`)
      location = sent.location
    }
    const rest = isLastInPut ? bytes.subarray(2048) : Buffer.alloc(0)
    const range = isLastInPut ? { 'content-range': `2048-${bytes.length - 1}` } : {}
    const put = await repository.send('PUT', withDigest(location, digest), rest, { ...octets, ...range })
    await assertCreated(repository, put)
  }
})

conforms('a chunk out of order is 416, and the upload goes on where GET says', async (repository) => {
  let location = await repository.post()
  const outOfOrder = async (method: 'PATCH' | 'PUT', start: number): Promise<void> => {
    const headers = { ...octets, 'content-range': `${start}-${start + 9}` }
    const to = method === 'PUT' ? withDigest(location, digest) : location
    const refused = await repository.send(method, to, bytes.subarray(start, start + 10), headers)
    assert.equal(refused.status, 416)
    const asked = await repository.send('GET', location)
    assert.equal(asked.status, 204)
    location = locationOf(asked)
  }
  await outOfOrder('PATCH', 100)
  location = (await patch(repository, location, 0, 1024)).location
  await outOfOrder('PATCH', 0)
  await outOfOrder('PATCH', 1025)
  await outOfOrder('PUT', 2000)
  const asked = await repository.send('GET', location)
  assert.equal(asked.headers.get('range'), '0-1023')
  location = (await patch(repository, location, 1024, 2048)).location
  const last = { ...octets, 'content-range': `2048-${bytes.length - 1}` }
  const put = await repository.send('PUT', withDigest(location, digest), bytes.subarray(2048), last)
  await assertCreated(repository, put)
})

conforms('chunks that end in another digest are 400, and nothing is kept', async (repository) => {
  const sent = await patch(repository, await repository.post(), 0, bytes.length)
  await assertBadDigest(repository, await repository.send('PUT', withDigest(sent.location, wrong), ''))
  assert.equal((await repository.send('GET', sent.location)).status, 404)
})

conforms('an upload is cancelled', async (repository) => {
  const location = await repository.post()
  const cancelled = await repository.send('DELETE', location, '', { 'content-length': '0' })
  assert.equal(cancelled.status, 204)
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    const gone = await repository.send(method, location, method === 'PATCH' ? bytes : undefined)
    assert.equal(gone.status, 404)
    assert.deepEqual(await codesOf(gone), ['BLOB_UPLOAD_UNKNOWN'])
  }
})

conforms(
  'a blob is mounted from another repository, or uploaded when that does not hold it',
  async (repository) => {
    const other = repository.other('conformance/repo2')
    await other.pushBlob(bytes)
    await assertAbsent(repository, digest)
    const mount = (from: string) => repository.send('POST', `blobs/uploads/?mount=${digest}${from}`, '')
    const missing = await mount('&from=conformance/repo3')
    assert.equal(missing.status, 202)
    await assertAbsent(repository, digest)
    const uploaded = await repository.send('PUT', withDigest(locationOf(missing), digest), bytes, octets)
    await assertCreated(repository, uploaded)
    assert.equal((await repository.send('DELETE', `blobs/${digest}`)).status, 202)
    // which repository is not said: none is looked for
    assert.equal((await mount('')).status, 202)
    await assertCreated(repository, await mount(`&from=${other.name}`))
  },
)

conforms('the empty blob, and one pushed twice', async (repository) => {
  const empty = sha256('')
  const put = async (content: Buffer) =>
    repository.send('PUT', withDigest(await repository.post(), sha256(content)), content, octets)
  await assertCreated(repository, await put(Buffer.alloc(0)), Buffer.alloc(0))
  assert.equal((await repository.send('HEAD', `blobs/${empty}`)).headers.get('content-length'), '0')
  await assertCreated(repository, await put(bytes))
  await assertCreated(repository, await put(bytes))
})

conforms('digests that are none, and algorithms that are not known here, are 400', async (repository) => {
  const digests = ['', 'sha256:abc', `sha256:${'g'.repeat(64)}`, `sha512:${'a'.repeat(128)}`, 'md5:abc', 'x']
  for (const name of digests) {
    const answers = [
      await repository.send('POST', `blobs/uploads/?digest=${name}`, bytes, octets),
      await repository.send('PUT', withDigest(await repository.post(), name), bytes, octets),
      ...(name === '' ? [] : [await repository.send('GET', `blobs/${name}`)]),
    ]
    for (const answer of answers) {
      assert.equal(answer.status, 400, name)
      assert.deepEqual(await codesOf(answer), ['DIGEST_INVALID'])
    }
  }
  const post = (algorithm: string) =>
    repository.send('POST', `blobs/uploads/?digest-algorithm=${algorithm}`, '')
  assert.equal((await post('sha256')).status, 202)
  assert.equal((await post('sha512')).status, 400)
})
