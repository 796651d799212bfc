import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { testMille } from '../support/mille.ts'
import { serveRegistry } from '../support/serve-registry.ts'

async function push(url: string, content: string): Promise<void> {
  const target = `${url}/v2/app/blobs/uploads/?digest=${sha256(content)}`
  assert.equal((await fetch(target, { method: 'POST', body: content })).status, 201)
}

async function tag(url: string, name: string): Promise<void> {
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [],
    annotations: { name },
  })
  const headers = { 'content-type': mediaTypes.ociIndex }
  const put = await fetch(`${url}/v2/app/manifests/${name}`, { method: 'PUT', body, headers })
  assert.equal(put.status, 201)
}

test('gc and scrub of a registry that is served, and of one that is not', async () => {
  using mille = testMille()
  const config = join(mille.root, 'registry.yaml')
  writeFileSync(config, 'retention:\n  - { repositories: ["**"], keepLast: 1, untagged: 1ms }\n')
  assert.match(mille.run(['registry', 'gc']).err, /registry\.db: no such file or directory/)
  const url = (await serveRegistry(mille, '--address', '127.0.0.1:0', '--config', config)).url
  await push(url, 'loose blob')
  for (const name of ['v1', 'v2']) await tag(url, name)
  assert.equal(
    mille.ok('registry', 'gc', '--dry-run').split('\n').slice(-2).join('\n'),
    '1 tags, 1 manifests, 0 blobs would be removed: 0B\n1 blobs that no manifest names are too young to go',
  )
  const report = JSON.parse(mille.ok('registry', 'gc', '--grace', '0', '--json')) as Record<string, unknown[]>
  assert.deepEqual(
    [report['tags']?.length, report['manifests']?.length, report['blobs']?.length, report['freed']],
    [1, 1, 1, 10],
  )
  assert.deepEqual(await (await fetch(`${url}/v2/app/tags/list`)).json(), { name: 'app', tags: ['v2'] })
  assert.equal((await fetch(`${url}/v2/app/blobs/${sha256('loose blob')}`)).status, 404)
  await push(url, 'damaged')
  const file = join(mille.root, 'registry', 'blobs', 'sha256', sha256('damaged').slice('sha256:'.length))
  writeFileSync(file, 'DAMAGED')
  const scrubbed = mille.run(['registry', 'scrub'])
  assert.equal(scrubbed.code, 1)
  assert.match(
    scrubbed.out,
    /^damaged: sha256:[0-9a-f]{64} \(.*\), needed by nothing: push it again\n1 blobs checked/,
  )
  assert.equal(mille.ok('registry', 'scrub'), '0 blobs checked (0B), 0 damaged')

  // of another folder, which nobody serves
  const storage = join(mille.root, 'elsewhere')
  const served = await serveRegistry(mille, '--address', '127.0.0.1:0', '--storage', storage)
  await push(served.url, 'loose blob')
  await served.kill()
  const offline = mille.ok('registry', 'gc', '--storage', storage, '--grace', '0')
  assert.equal(offline, '0 tags, 0 manifests, 1 blobs removed: 10B')
})
