import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { get } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { text } from 'node:stream/consumers'
import { startRegistry } from '../../../test/support/start-registry.ts'
import { sha256 } from '../../oci/digest.ts'
import { readText } from '../../util/read-text.ts'
import { readCertificate, selfSignedCertificate } from './certificate.ts'

const folder = mkdtempSync(join(tmpdir(), 'mille-certificate-'))
after(() => rmSync(folder, { recursive: true }))
const made = await selfSignedCertificate(folder, ['localhost', '127.0.0.1'])

test('a certificate of its own is made once, and anew for another name', async () => {
  assert.equal(statSync(join(folder, 'self-signed.key')).mode & 0o777, 0o600)
  assert.deepEqual(await selfSignedCertificate(folder, ['localhost']), made)
  const other = join(folder, 'other')
  const first = await selfSignedCertificate(other, ['localhost'])
  const second = await selfSignedCertificate(other, ['localhost', 'registry.example.org', '::1'])
  assert.notEqual(second.certificate, first.certificate)
  const parsed = new X509Certificate(second.certificate)
  assert.equal(parsed.checkHost('registry.example.org'), 'registry.example.org')
  assert.equal(parsed.checkIP('::1'), '::1')
  assert.equal(parsed.ca, false)
  assert.equal(readText(join(other, 'self-signed.crt')), second.certificate)
})

test('a certificate and a key that do not fit are refused with the file’s name', async () => {
  const other = await selfSignedCertificate(join(folder, 'second'), ['localhost'])
  const certificate = join(folder, 'self-signed.crt')
  const key = join(folder, 'wrong.key')
  writeFileSync(key, other.key)
  const rejected = {
    code: 'TLS_CERTIFICATE_INVALID',
    message: new RegExp(`^${key}: .*not the key of ${certificate}`),
  }
  await assert.rejects(readCertificate({ certificate, key }), rejected)
  writeFileSync(key, 'no key')
  await assert.rejects(readCertificate({ certificate, key }), { code: 'TLS_CERTIFICATE_INVALID' })
  await assert.rejects(readCertificate({ certificate: key, key }), { code: 'TLS_CERTIFICATE_INVALID' })
  await assert.rejects(readCertificate({ certificate, key: join(folder, 'none') }), {
    code: 'PATH_NOT_FOUND',
  })
})

test('TLS: HTTP/1.1 and HTTP/2 on one port', async (t) => {
  const registry = await startRegistry({ tls: made })
  assert.match(registry.url, /^https:/)
  const ca = made.certificate
  const request = get(`${registry.url}/v2/`, { ca, agent: false })
  const [first] = (await once(request, 'response')) as [IncomingMessage]
  assert.deepEqual([first.statusCode, first.httpVersion], [200, '1.1'])
  assert.equal(await text(first), '{}')
  const session = connect(registry.url, { ca })
  t.after(() => session.destroy())
  const ask = async (headers: Record<string, string>, body?: Buffer): Promise<[unknown, string]> => {
    const stream = session.request(headers)
    stream.end(body)
    const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
    return [answer[':status'], await text(stream)]
  }
  const bytes = Buffer.alloc(300_000, 1)
  const digest = sha256(bytes)
  assert.deepEqual(await ask({ ':path': '/v2/' }), [200, '{}'])
  const post = { ':method': 'POST', ':path': `/v2/a/blobs/uploads/?digest=${digest}` }
  assert.deepEqual(await ask(post, bytes), [201, ''])
  const [status, body] = await ask({ ':path': `/v2/a/blobs/${digest}` })
  assert.deepEqual([status, body.length], [200, bytes.length])
  assert.equal((await ask({ ':path': '/v2/a/blobs/none' }))[0], 400)
  const closed = once(session, 'close')
  await registry[Symbol.asyncDispose]()
  await closed
  assert.ok(registry.log.length >= 5)
  assert.deepEqual(
    registry.log.filter(({ aborted }) => aborted === true),
    [],
  )
})
