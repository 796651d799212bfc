import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { sniffCompression } from './compression.ts'
import { decompress, type DecompressOptions } from './decompress.ts'
import { isMilleError, type ErrorCode } from './errors.ts'

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const text = Buffer.from(Array.from({ length: 3000 }, (_, i) => `line ${String(i * 7919)}\n`).join(''))
const gzip = gzipSync(text)
const zstd = zstdCompressSync(text)
const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])

async function assertRefused(code: ErrorCode, data: Buffer, options?: DecompressOptions): Promise<void> {
  for (const size of [13, 4096, data.length])
    await assert.rejects(
      buffer(decompress(pieces(data, size), options)),
      (error) => isMilleError(error, code),
      `${code}, pieces of ${String(size)}`,
    )
}

test('formats are known by their first bytes', () => {
  assert.equal(sniffCompression(gzip), 'gzip')
  assert.equal(sniffCompression(zstd), 'zstd')
  assert.equal(sniffCompression(skippable), 'zstd')
  assert.equal(sniffCompression(Buffer.from('BZh91AY')), 'bzip2')
  assert.equal(sniffCompression(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])), 'xz')
  assert.equal(sniffCompression(text), undefined)
  assert.equal(sniffCompression(Buffer.alloc(0)), undefined)
})

test('gzip, zstd and plain data, in several members and frames, cut anyhow', async () => {
  for (const data of [gzip, zstd, text])
    for (const size of [1000, 65_536, data.length])
      assert.ok((await buffer(decompress(pieces(data, size)))).equals(text))
  const twice = Buffer.concat([text, text])
  for (const data of [
    Buffer.concat([gzip, gzip]),
    Buffer.concat([skippable, zstd, skippable, zstd, skippable]),
  ])
    for (const size of [7, data.length])
      assert.ok((await buffer(decompress(pieces(data, size)))).equals(twice), String(size))
  assert.equal((await buffer(decompress(pieces(text.subarray(0, 0), 1)))).length, 0)
})

test('cut streams', async () => {
  for (const length of [5, 20, gzip.length - 9, gzip.length - 8, gzip.length - 1])
    await assertRefused('COMPRESSION_TRUNCATED', gzip.subarray(0, length), { format: 'gzip' })
  for (const length of [5, 20, zstd.length - 1])
    await assertRefused('COMPRESSION_TRUNCATED', zstd.subarray(0, length), { format: 'zstd' })
  await assertRefused('COMPRESSION_TRUNCATED', Buffer.concat([zstd, zstd.subarray(0, 50)]))
})

test('wrong checksums and lengths, damaged data', async () => {
  const damage = (data: Buffer, at: number): Buffer => {
    const copy = Buffer.from(data)
    copy[copy.length + at] = (copy.at(at) ?? 0) ^ 1
    return copy
  }
  await assertRefused('COMPRESSION_CORRUPT', damage(gzip, -6))
  await assertRefused('COMPRESSION_CORRUPT', damage(gzip, -2))
  await assertRefused('COMPRESSION_CORRUPT', text, { format: 'zstd' })
  await assertRefused('COMPRESSION_CORRUPT', text, { format: 'gzip' })
})

test('bytes after the end, compression inside compression, formats not decoded here', async () => {
  await assertRefused('COMPRESSION_TRAILING', Buffer.concat([gzip, Buffer.alloc(100)]))
  await assertRefused('COMPRESSION_TRAILING', Buffer.concat([zstd, Buffer.from('rubbish')]))
  await assertRefused('COMPRESSION_NESTED', gzipSync(gzip))
  await assertRefused('COMPRESSION_NESTED', zstdCompressSync(gzip))
  await assertRefused('COMPRESSION_UNSUPPORTED', Buffer.from('BZh91AY&SY'))
})

test('limits: size, ratio, zstd window', async () => {
  const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024))
  await assert.rejects(buffer(decompress(pieces(bomb, 4096), { maxBytes: 1_000_000 })), (error) =>
    isMilleError(error, 'LAYER_LIMIT'),
  )
  await assert.rejects(buffer(decompress(pieces(bomb, 4096), { maxRatio: 500 })), (error) =>
    isMilleError(error, 'LAYER_LIMIT'),
  )
  await assertRefused('LAYER_LIMIT', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0]))
})

test('who stops early closes the source; an aborted signal stops it', async () => {
  let closed = false
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield* pieces(gzip, 1000)
    } finally {
      closed = true
    }
  }
  for await (const chunk of decompress(source())) {
    assert.ok(chunk.length > 0)
    break
  }
  assert.ok(closed)
  await assert.rejects(buffer(decompress(pieces(gzip, 1000), { signal: AbortSignal.abort() })), {
    name: 'AbortError',
  })
})
