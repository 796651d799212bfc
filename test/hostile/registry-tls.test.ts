import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { Exchange } from '../../src/registry/client/exchange.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { runProgram } from '../../src/util/run-program.ts'

const blob: Descriptor = { mediaType: 'application/octet-stream', digest: sha256('x'), size: 1 }

suite('TLS (B-PL-10)', () => {
  let folder = ''
  let port = 0
  const seen: (string | undefined)[] = []
  let close: () => Promise<unknown>

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mille-tls-'))
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
    const subject = ['-subj', '/CN=registry.test', '-days', '1', '-nodes']
    await runProgram('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ])
    const server = createServer(
      { key: await readFile(key), cert: await readFile(cert) },
      (request, response) => {
        seen.push(request.url)
        response.end()
      },
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
    close = () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    }
  })
  after(async () => {
    await close()
    await rm(folder, { recursive: true })
  })

  test('a loopback registry that speaks https only is found', async () => {
    await using client = createRegistryClient({ retryDelay: 1 })
    const repository = client.openRepository({ registry: `127.0.0.1:${port}`, repository: 'app' })
    assert.equal(await repository.exists(blob), true)
    assert.equal(seen.at(-1), `/v2/app/blobs/${blob.digest}`)
  })

  test('a certificate that nobody signed is refused for other hosts, with its reason', async () => {
    await using exchange = new Exchange({ connectTimeout: 1000, stallTimeout: 1000, isInsecure: () => false })
    // 127.0.0.1 in a form that is loopback to the kernel, but not to the check for local names
    const count = seen.length
    await assert.rejects(exchange.send(new URL(`https://0.0.0.0:${port}/v2/`)), {
      code: 'REGISTRY_UNREACHABLE',
      message: /self-signed certificate/,
    })
    assert.equal(seen.length, count)
  })
})
