import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { sha256 } from './digest.ts'
import { verifiedStream } from './verified-stream.ts'

const bytes = Buffer.from('some bytes of a blob')
const expected = { digest: sha256(bytes), size: bytes.length }

suite('verifiedStream', () => {
  test('passes the right bytes', async () => {
    const body = Readable.from([bytes.subarray(0, 5), bytes.subarray(5)])
    assert.deepEqual(await buffer(verifiedStream(body, expected)), bytes)
  })
  test('wrong bytes end in an error, never in end', async () => {
    const stream = verifiedStream(Readable.from([Buffer.alloc(bytes.length)]), expected)
    let ended = false
    stream.on('end', () => (ended = true))
    await assert.rejects(buffer(stream), { code: 'BLOB_DIGEST_MISMATCH' })
    assert.equal(ended, false)
  })
  test('the last piece of a wrong blob is never passed on, and the origin is named', async () => {
    const wrong = Readable.from([bytes.subarray(0, 5), Buffer.alloc(bytes.length - 5)])
    const stream = verifiedStream(wrong, expected, { origin: 'host.example' })
    let passed = 0
    stream.on('data', (chunk: Buffer) => (passed += chunk.length))
    await assert.rejects(new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject)), {
      code: 'BLOB_DIGEST_MISMATCH',
      message: /got sha256:[0-9a-f]+ from host\.example$/,
    })
    assert.equal(passed, 5)
  })
  test('too few bytes', async () => {
    await assert.rejects(buffer(verifiedStream(Readable.from([bytes.subarray(1)]), expected)), {
      code: 'BLOB_SIZE_MISMATCH',
    })
  })
  test('an endless body is cut at the first byte too many', async () => {
    let produced = 0
    const endless = Readable.from(
      (function* () {
        for (;;) {
          produced += 1
          yield Buffer.alloc(1000)
        }
      })(),
    )
    const stream = verifiedStream(endless, { ...expected, size: 5000 })
    let passed = 0
    stream.on('data', (chunk: Buffer) => (passed += chunk.length))
    await assert.rejects(
      async () => {
        for await (const _ of stream);
      },
      { code: 'BLOB_SIZE_MISMATCH' },
    )
    assert.ok(passed <= 5000)
    assert.ok(produced < 100)
    assert.equal(endless.destroyed, true)
  })
  test('destroying the reader destroys the body', async () => {
    const body = new Readable({ read() {} })
    const stream = verifiedStream(body, expected)
    stream.destroy()
    await new Promise((resolve) => body.once('close', resolve))
    assert.equal(body.destroyed, true)
  })
})
