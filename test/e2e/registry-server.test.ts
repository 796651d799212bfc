import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { hashSync } from 'bcryptjs'
import { createRegistries } from '../../src/engine/registries.ts'
import { digestHex } from '../../src/oci/digest.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { openCredentialStore } from '../../src/registry/credentials/credential-store.ts'
import { selfSignedCertificate } from '../../src/registry/server/certificate.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { randomImage } from '../support/random-image.ts'
import type { RandomImage } from '../support/random-image.ts'
import { startRegistry } from '../support/start-registry.ts'

const run = promisify(execFile)
const top = mkdtempSync(join(tmpdir(), 'mille-registry-e2e-'))
after(() => {
  rmSync(top, { recursive: true })
})

/** Debian's skopeo; not synchronous, as the registry runs in this process. */
async function skopeo(...args: string[]): Promise<string> {
  const { stdout } = await run('skopeo', args)
  return stdout
}

/** Source: OCI image-spec 1.1, image-layout.md. */
function writeLayout(name: string, { blobs, descriptor }: RandomImage): string {
  const folder = join(top, name)
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true })
  for (const blob of blobs) {
    writeFileSync(join(folder, 'blobs', 'sha256', digestHex(blob.descriptor.digest)), blob.bytes)
  }
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }))
  return folder
}

const image = randomImage({ layers: 3, layerSize: 1_500_000 })
const layout = writeLayout('layout', image)

for (const driver of ['memory', 'files'] as const) {
  test(`skopeo pushes, lists, inspects, pulls and deletes (${driver})`, async () => {
    await using registry = await startRegistry({ driver })
    const name = `docker://${registry.host}/team/app`
    await skopeo('copy', '--dest-tls-verify=false', `oci:${layout}`, `${name}:v1`)
    await skopeo('copy', '--dest-tls-verify=false', `oci:${layout}`, `${name}:v2`)
    const { Tags } = JSON.parse(await skopeo('list-tags', '--tls-verify=false', name)) as { Tags: string[] }
    assert.deepEqual(Tags, ['v1', 'v2'])
    const shown = JSON.parse(await skopeo('inspect', '--tls-verify=false', `${name}:v1`)) as {
      Digest: string
    }
    assert.equal(shown.Digest, image.descriptor.digest)

    const back = join(top, `back-${driver}`)
    await skopeo('copy', '--src-tls-verify=false', `${name}@${image.descriptor.digest}`, `oci:${back}`)
    for (const { descriptor, bytes } of image.blobs) {
      assert.deepEqual(readFileSync(join(back, 'blobs', 'sha256', digestHex(descriptor.digest))), bytes)
    }
    await skopeo('delete', '--tls-verify=false', `${name}:v1`)
    await assert.rejects(skopeo('inspect', '--tls-verify=false', `${name}:v2`), /manifest unknown/)
  })
}

test('skopeo in Docker’s format, and from one repository to another', async () => {
  await using registry = await startRegistry({ driver: 'files' })
  const name = `docker://${registry.host}/docker/app:v1`
  await skopeo('copy', '--dest-tls-verify=false', '--format', 'v2s2', `oci:${layout}`, name)
  const manifest = JSON.parse(await skopeo('inspect', '--raw', '--tls-verify=false', name)) as {
    mediaType: string
  }
  assert.equal(manifest.mediaType, 'application/vnd.docker.distribution.manifest.v2+json')
  const other = `docker://${registry.host}/other/app:v1`
  await skopeo('copy', '--src-tls-verify=false', '--dest-tls-verify=false', name, other)
  const shown = JSON.parse(await skopeo('inspect', '--tls-verify=false', other)) as { Layers: string[] }
  assert.equal(shown.Layers.length, 3)
})

for (const kind of ['Basic', 'tokens'] as const) {
  test(`skopeo with a login, and without one (${kind})`, async () => {
    const htpasswd = join(top, 'htpasswd')
    writeFileSync(htpasswd, `ann:${hashSync('secret', 4)}\n`)
    const tokens = kind === 'tokens' && { tokens: { key: Buffer.alloc(32, 1) } }
    await using registry = await startRegistry({ htpasswd, anonymousPull: true, ...tokens })
    const name = `docker://${registry.host}/private:v1`
    const push = (...login: string[]): Promise<string> =>
      skopeo('copy', '--dest-tls-verify=false', ...login, `oci:${layout}`, name)
    await assert.rejects(push('--dest-no-creds'), /unauthorized|authentication required|denied/)
    await assert.rejects(push('--dest-creds', 'ann:wrong'), /unauthorized|authentication required|invalid/)
    await push('--dest-creds', 'ann:secret')
    await skopeo('inspect', '--tls-verify=false', '--no-creds', name)
    assert.equal(
      registry.log.some(({ url }) => String(url).startsWith('/token')),
      kind === 'tokens',
    )
  })
}

test('skopeo over TLS with a certificate that the registry made', async () => {
  const certificates = join(top, 'certificates')
  const tls = await selfSignedCertificate(certificates, ['localhost', '127.0.0.1'])
  await using registry = await startRegistry({ tls })
  const name = `docker://${registry.host}/tls/app:v1`
  await assert.rejects(skopeo('copy', `oci:${layout}`, name), /certificate/)
  const trust = join(top, 'trust')
  mkdirSync(trust)
  writeFileSync(join(trust, 'ca.crt'), tls.certificate)
  await skopeo('copy', '--dest-cert-dir', trust, `oci:${layout}`, name)
  await skopeo('copy', '--src-cert-dir', trust, name, `oci:${join(top, 'tls-back')}`)
})

test('the engine serves below its store, and stores a login only once it is checked', async () => {
  const htpasswd = join(top, 'engine-htpasswd')
  writeFileSync(htpasswd, `ann:${hashSync('secret', 4)}\n`)
  const credentialsPath = join(top, 'docker', 'config.json')
  const storeRoot = join(top, 'store')
  await using client = createRegistryClient({ attempts: 1 })
  const registries = createRegistries({ storeRoot, client: async () => client, credentialsPath })
  const stop = new AbortController()
  const lines: string[] = []
  const { url, closed } = await registries.serve({
    listen: { host: '127.0.0.1', port: 0 },
    signal: stop.signal,
    onLog: (line) => lines.push(line),
  })
  const name = `docker://${url.slice('http://'.length)}/app:v1`
  await skopeo('copy', '--dest-tls-verify=false', `oci:${layout}`, name)
  const config = image.blobs[0]
  assert.ok(config)
  const stored = join(storeRoot, 'registry', 'blobs', 'sha256', digestHex(config.descriptor.digest))
  assert.deepEqual(readFileSync(stored), config.bytes)
  assert.ok(lines.some((line) => line.includes('"PUT"')))
  stop.abort()
  await closed
  await assert.rejects(fetch(`${url}/v2/`))

  await using registry = await startRegistry({ htpasswd })
  const credentials = openCredentialStore({ path: credentialsPath })
  const login = { username: 'ann', password: 'secret' }
  await assert.rejects(registries.login(registry.host, { ...login, password: 'wrong' }), (error) =>
    isMilleError(error, 'LOGIN_REFUSED'),
  )
  assert.equal(await credentials.find(registry.host), undefined)
  assert.equal(await registries.login(`http://${registry.host}/`, login), 'Login Succeeded')
  assert.deepEqual(await credentials.find(registry.host), login)
  assert.equal(await registries.logout(registry.host), true)
  assert.equal(await registries.logout(registry.host), false)
  await assert.rejects(registries.login('no host/..', login), (error) =>
    isMilleError(error, 'INVALID_ARGUMENT'),
  )
})
