import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { randomBytes } from '../support/random-image.ts'
import { startDockerRegistry } from '../support/start-docker-registry.ts'
import { startRegistry } from '../support/start-registry.ts'
import { startRegistryProxy, type ProxiedRequest } from '../support/registry-proxy.ts'

const mebibyte = 1024 * 1024
/** As the client sends after a break. */
const chunkSize = 8 * mebibyte
const bytes = randomBytes(80, 40 * mebibyte)
const blob: Descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: sha256(bytes), size: bytes.length }

function slices(start: number, end: number): Readable {
  return Readable.from(
    (function* () {
      for (let at = start; at < end; at += 65_536) yield bytes.subarray(at, Math.min(at + 65_536, end))
    })(),
  )
}
const reopen = async (start: number, end: number): Promise<Readable> => slices(start, end)

/** Pushes through a proxy that hangs up once each time the upload gets to one of `cuts`. */
async function pushWithCuts(target: string, cuts: readonly number[]): Promise<readonly ProxiedRequest[]> {
  await using proxy = await startRegistryProxy(target)
  const left = [...cuts]
  proxy.onUpload = (seen, chunk) => {
    if (left[0] === undefined || seen.offset + seen.received < left[0]) return chunk
    left.shift()
    return undefined
  }
  await using client = createRegistryClient({ retryDelay: 100 })
  const repository = client.openRepository({ registry: proxy.host, repository: 'app' })
  await repository.push(blob, slices(0, bytes.length), { reopen })
  assert.deepEqual(left, [])
  assert.ok(sha256(await buffer(await repository.fetch(blob))) === blob.digest)
  return proxy.requests.filter(({ method }) => method === 'PATCH')
}

test('a push whose connection breaks five times sends no byte twice beyond one chunk for each (D11, B-PS-1)', async () => {
  await using registry = await startRegistry()
  const cuts = [5, 12, 13, 27, 38].map((at) => at * mebibyte)
  const patches = await pushWithCuts(registry.host, cuts)
  const sent = patches.reduce((sum, { received }) => sum + received, 0)
  assert.ok(sent - bytes.length <= cuts.length * chunkSize, `${sent} bytes were sent`)
  assert.ok(
    patches.slice(1).every(({ received }) => received <= chunkSize),
    'what is left after a break goes in chunks',
  )
})

test('a registry that forgets an upload which broke gets it from the start (B-PS-1)', async () => {
  await using registry = await startDockerRegistry()
  const patches = await pushWithCuts(registry.host, [5 * mebibyte, 30 * mebibyte])
  assert.deepEqual(
    patches.map(({ offset }) => offset),
    [0, 0, 0],
  )
})
