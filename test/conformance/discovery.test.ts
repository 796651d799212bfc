import assert from 'node:assert/strict'
import { sha256 } from '../../src/oci/digest.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { conforms, type Repository } from './client.ts'

const { ociIndex, ociManifest, ociEmpty } = mediaTypes
const subject = { mediaType: ociIndex, digest: sha256('pushed later, or never'), size: 40 }
const config = { mediaType: ociEmpty, digest: sha256('{}'), size: 2 }

async function tagsOf(
  repository: Repository,
  query: string,
): Promise<{ tags: string[]; next: string | null }> {
  const answer = await repository.send('GET', query.startsWith('/') ? query : `tags/list${query}`)
  assert.equal(answer.status, 200)
  const { name, tags } = (await answer.json()) as { name: string; tags: string[] }
  assert.equal(name, repository.name)
  return { tags, next: answer.headers.get('link') }
}

conforms('tags: all, some, after one, and page by page', async (repository) => {
  const all = ['1', 'B', '_c', 'a', 'b10', 'b2', 'latest']
  const body = JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [] })
  for (const tag of all.toReversed()) assert.equal((await repository.put(tag, body, ociIndex)).status, 201)
  assert.deepEqual(await tagsOf(repository, ''), { tags: all, next: null })
  assert.deepEqual(await tagsOf(repository, '?n=0'), { tags: [], next: null })
  assert.deepEqual((await tagsOf(repository, '?n=3')).tags, all.slice(0, 3))
  assert.deepEqual(await tagsOf(repository, '?n=100'), { tags: all, next: null })
  assert.deepEqual(await tagsOf(repository, '?last=a'), { tags: all.slice(4), next: null })
  assert.deepEqual((await tagsOf(repository, '?n=2&last=_c')).tags, ['a', 'b10'])
  const found: string[] = []
  for (let path: string | undefined = '?n=2'; path !== undefined;) {
    const { tags, next } = await tagsOf(repository, path)
    found.push(...tags)
    path = /^<([^>]+)>; rel="next"$/.exec(next ?? '')?.[1]
  }
  assert.deepEqual(found, all)
})

interface Listed {
  readonly descriptors: readonly Descriptor[]
  readonly filters: string | null
  readonly next: string | undefined
}

async function referrersOf(repository: Repository, path: string): Promise<Listed> {
  const answer = await repository.send('GET', path)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), ociIndex)
  const index = (await answer.json()) as { schemaVersion: number; mediaType: string; manifests: Descriptor[] }
  assert.deepEqual([index.schemaVersion, index.mediaType], [2, ociIndex])
  return {
    descriptors: index.manifests,
    filters: answer.headers.get('oci-filters-applied'),
    next: /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1],
  }
}

async function attach(repository: Repository, manifest: Record<string, unknown>): Promise<Descriptor> {
  const mediaType = String(manifest['mediaType'])
  const body = JSON.stringify({ schemaVersion: 2, subject, ...manifest })
  const put = await repository.put(sha256(body), body, mediaType)
  assert.equal(put.status, 201)
  assert.equal(put.headers.get('oci-subject'), subject.digest)
  return { mediaType, digest: sha256(body), size: body.length }
}

conforms(
  'referrers: pushed before their subject, of all kinds, filtered by type, gone when deleted',
  async (repository) => {
    const path = `referrers/${subject.digest}`
    assert.deepEqual((await referrersOf(repository, path)).descriptors, [])
    await repository.pushBlob('{}')
    const annotations = { 'org.example.format': 'json' }
    const image = { mediaType: ociManifest, config, layers: [config] }
    const sbom = await attach(repository, {
      ...image,
      artifactType: 'application/vnd.example.sbom',
      annotations,
    })
    const byConfig = await attach(repository, image)
    const index = await attach(repository, { mediaType: ociIndex, manifests: [] })
    const list = await attach(repository, {
      mediaType: ociIndex,
      manifests: [],
      artifactType: 'application/x.set',
    })
    const expected: readonly Descriptor[] = [
      { ...sbom, artifactType: 'application/vnd.example.sbom', annotations },
      { ...byConfig, artifactType: ociEmpty },
      index,
      { ...list, artifactType: 'application/x.set' },
    ]
    const sorted = expected.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
    assert.deepEqual(await referrersOf(repository, path), {
      descriptors: sorted,
      filters: null,
      next: undefined,
    })
    const filtered = await referrersOf(repository, `${path}?artifactType=application/vnd.example.sbom`)
    assert.deepEqual(filtered.descriptors, [expected[0]])
    assert.equal(filtered.filters, 'artifactType')
    assert.deepEqual((await referrersOf(repository, `${path}?artifactType=none`)).descriptors, [])
    // another repository has referrers of its own
    assert.deepEqual((await referrersOf(repository.other('conformance/repo2'), path)).descriptors, [])
    assert.equal((await repository.send('DELETE', `manifests/${sbom.digest}`)).status, 202)
    assert.equal((await referrersOf(repository, path)).descriptors.length, 3)
  },
)

conforms('referrers come in pages of bounded size', async (repository) => {
  const count = 5
  for (let number = 0; number < count; number++) {
    const annotations = { number: String(number), text: 'x'.repeat(900_000) }
    await attach(repository, {
      mediaType: ociIndex,
      manifests: [],
      annotations,
      artifactType: 'application/x',
    })
  }
  for (const start of ['?n=2', '', '?artifactType=application/x']) {
    const found = new Set<string>()
    let pages = 0
    for (let path: string | undefined = `referrers/${subject.digest}${start}`; path !== undefined; pages++) {
      const page: Listed = await referrersOf(repository, path)
      assert.ok(JSON.stringify(page.descriptors).length < 4 * 1024 * 1024)
      assert.equal(page.filters, start.includes('artifactType') ? 'artifactType' : null)
      for (const { digest } of page.descriptors) found.add(digest)
      path = page.next
    }
    assert.equal(found.size, count)
    assert.ok(pages > 1)
  }
})

conforms('referrers of what is no digest are 400', async (repository) => {
  for (const digest of ['x', 'sha256:abc', 'v1', 'sha256:']) {
    assert.equal((await repository.send('GET', `referrers/${digest}`)).status, 400)
  }
})
