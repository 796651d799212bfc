import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isDigest, sha256 } from '../../src/oci/digest.ts'
import { testMille } from '../support/mille.ts'
import { serveRegistry } from '../support/serve-registry.ts'

interface Pushed {
  readonly config: { readonly digest: string }
  readonly layers: readonly { readonly digest: string; readonly size: number }[]
}

test('a push to the registry of the same store links what is there, and others still send', async () => {
  using mille = testMille()
  writeFileSync(join(mille.root, 'layer.bin'), Buffer.alloc(300_000, 'layer'))
  writeFileSync(join(mille.root, 'Dockerfile'), 'FROM scratch\nCOPY layer.bin /\n')
  mille.ok('build', '-q', '-t', 'app', mille.root)
  const { url, host } = await serveRegistry(mille, '--address', '127.0.0.1:0')
  mille.ok('tag', 'app', `${host}/team/app:v1`)
  const pushed = mille.ok('push', `${host}/team/app:v1`)
  assert.match(pushed, /^[0-9a-f]{12}: Pushed$/m)
  const accept = 'application/vnd.oci.image.manifest.v1+json'
  const answer = await fetch(`${url}/v2/team/app/manifests/v1`, { headers: { accept } })
  const { config, layers } = (await answer.json()) as Pushed
  for (const digest of [config.digest, ...layers.map((layer) => layer.digest)]) {
    const hex = digest.slice('sha256:'.length)
    const stored = statSync(join(mille.root, 'blobs', 'sha256', hex))
    assert.equal(statSync(join(mille.root, 'registry', 'blobs', 'sha256', hex)).ino, stored.ino)
    const blob = await fetch(`${url}/v2/team/app/blobs/${digest}`)
    assert.equal(sha256(Buffer.from(await blob.arrayBuffer())), digest)
  }

  // another store knows nothing of this one
  using other = testMille()
  writeFileSync(join(other.root, 'Dockerfile'), `FROM scratch\nCOPY Dockerfile /\n`)
  other.ok('build', '-q', '-t', `${host}/other/app`, other.root)
  other.ok('push', `${host}/other/app`)
  mille.ok('pull', `${host}/other/app`)

  // what the store gives up stays with the registry
  mille.ok('rmi', '-f', `${host}/team/app:v1`, 'app', `${host}/other/app`)
  mille.ok('system', 'prune', '-af')
  const [layer] = layers
  assert.ok(layer !== undefined && isDigest(layer.digest))
  const file = join(mille.root, 'registry', 'blobs', 'sha256', layer.digest.slice('sha256:'.length))
  assert.equal(sha256(readFileSync(file)), layer.digest)
  mille.ok('pull', `${host}/team/app:v1`)
})
