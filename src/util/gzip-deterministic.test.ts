import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { decompress } from './decompress.ts'
import { gzipDeterministic } from './gzip-deterministic.ts'

const lines = Array.from({ length: 150_000 }, (_, i) => `${String((i * 7919) % 100_003)} line\n`)
const text = Buffer.from(lines.join(''))

function* pieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
const pack = (bytes: Buffer, size: number): Promise<Buffer> =>
  buffer(gzipDeterministic(Readable.from(pieces(bytes, size), { objectMode: false })))
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

test('the bytes are pinned, however the source is cut: layer digests of pushed images depend on them', async () => {
  assert.ok(text.length > 1024 * 1024)
  const whole = await pack(text, text.length)
  assert.equal(sha256(whole), '91c0ff801198d03d31cca4703f3cf7efab1111907cc0bbde4717acd26664295c')
  assert.equal(sha256(await pack(text, 70_001)), sha256(whole))
})

test('gzip and we read it back; nothing of this machine is in the header', async () => {
  for (const length of [0, 5, 1024 * 1024, 1024 * 1024 + 1, text.length]) {
    const packed = await pack(text.subarray(0, length), 100_000)
    assert.deepEqual([...packed.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
    assert.ok((await buffer(decompress(asyncPieces(packed)))).equals(text.subarray(0, length)))
    const unpacked = execFileSync('gzip', ['-dc'], { input: packed, maxBuffer: 1 << 28 })
    assert.ok(unpacked.equals(text.subarray(0, length)))
  }
})

async function* asyncPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  yield* pieces(bytes, 60_000)
}

test('a source that fails fails the result', async () => {
  const source = Readable.from(
    (function* (): Generator<Buffer> {
      yield text
      throw new Error('disk')
    })(),
  )
  await assert.rejects(buffer(gzipDeterministic(source)), /disk/)
})
