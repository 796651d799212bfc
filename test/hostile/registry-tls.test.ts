import assert from 'node:assert/strict'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { Exchange } from '../../src/registry/client/exchange.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { noRules } from '../../src/registry/config/registry-rules.ts'
import type { RegistryClientOptions } from '../../src/registry/repository.ts'
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

suite('certificates of a host (D06)', () => {
  let folder = ''
  let host = ''
  let close: () => Promise<unknown>
  const openssl = (line: string): Promise<unknown> =>
    runProgram(
      'openssl',
      line.split(' ').map((word) => (word.startsWith('@') ? path(word.slice(1)) : word)),
    )
  const path = (name: string): string => join(folder, name)

  /** A key, and a certificate for it that our authority signed. */
  async function sign(name: string, subject: string, extension?: string): Promise<void> {
    await openssl(`req -newkey rsa:2048 -nodes -keyout @${name}.key -out @csr -subj ${subject}`)
    await writeFile(path('ext'), extension ?? '')
    await openssl(`x509 -req -in @csr -CA @ca.pem -CAkey @ca.key -days 1 -extfile @ext -out @${name}.pem`)
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mille-certificates-'))
    await openssl('req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=own -keyout @ca.key -out @ca.pem')
    await sign('server', '/CN=server', 'subjectAltName=IP:127.0.0.1')
    await sign('client', '/CN=mille')
    const server = createServer(
      {
        key: await readFile(path('server.key')),
        cert: await readFile(path('server.pem')),
        ca: await readFile(path('ca.pem')),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        const { authorized } = request.socket as TLSSocket
        response.writeHead(authorized ? 200 : 403).end()
      },
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    close = () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    }
  })
  after(async () => {
    await close()
    await rm(folder, { recursive: true })
  })

  /** Docker's layout, with these files of ours under those names. */
  async function layout(files: Readonly<Record<string, string>>): Promise<string> {
    const top = await mkdtemp(path('certs.d-'))
    await mkdir(join(top, host))
    for (const [name, from] of Object.entries(files)) await copyFile(path(from), join(top, host, name))
    return top
  }
  async function ask(options: RegistryClientOptions): Promise<boolean> {
    await using client = createRegistryClient({ retryDelay: 1, attempts: 1, ...options })
    return await client.openRepository({ registry: host, repository: 'app' }).exists(blob)
  }

  test('who signed it and who we are, in the layout of Docker', async () => {
    const own = { 'client.cert': 'client.pem', 'client.key': 'client.key' }
    assert.equal(await ask({ certificateFolders: [await layout({ 'ca.crt': 'ca.pem', ...own })] }), true)
    // known by its authority only: the server does not know us
    await assert.rejects(ask({ certificateFolders: [await layout({ 'ca.crt': 'ca.pem' })] }), {
      code: 'REGISTRY_DENIED',
    })
  })

  test('by rules', async () => {
    const rule = { ca: path('ca.pem'), cert: path('client.pem'), key: path('client.key') }
    assert.equal(await ask({ rules: { ...noRules, hosts: new Map([[host, rule]]) } }), true)
  })

  test('where somebody is named who signs, nobody else will do', async () => {
    await openssl(
      'req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=other -keyout @other.key -out @other.pem',
    )
    const certificateFolders = [await layout({ 'ca.crt': 'other.pem' })]
    await assert.rejects(ask({ certificateFolders }), { code: 'REGISTRY_UNREACHABLE' })
    // unless the host is named insecure; then the answer comes from the server
    await assert.rejects(ask({ certificateFolders, insecureRegistries: [host] }), { code: 'REGISTRY_DENIED' })
  })

  test('half a pair and a file that is none are told by name', async () => {
    for (const [files, message] of [
      [{ 'client.cert': 'client.pem' }, /client\.cert: it needs client\.key beside it/],
      [{ 'client.key': 'client.key' }, /client\.key: it needs client\.cert beside it/],
      [{ 'client.cert': 'ext', 'client.key': 'client.key' }, /certificate 127\.0\.0\.1:\d+: /],
    ] as const) {
      await assert.rejects(ask({ certificateFolders: [await layout(files)] }), {
        code: 'CERTIFICATE_INVALID',
        message,
      })
    }
  })
})
