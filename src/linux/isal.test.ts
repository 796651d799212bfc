import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { decompress } from '../util/decompress.ts'
import { isMilleError } from '../util/errors.ts'
import { openIsalInflater } from './isal.ts'

const skip = openIsalInflater() === undefined && 'libisal2 is not installed'
const text = Buffer.from(Array.from({ length: 300_000 }, (_, i) => `line ${String(i * 7919)}\n`).join(''))
const gzip = gzipSync(text)

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
const inflate = (data: Buffer, size: number): Promise<Buffer> =>
  buffer(decompress(pieces(data, size), { format: 'gzip', openInflater: openIsalInflater }))

test('inflates like zlib, however input and output are cut', { skip }, async () => {
  for (const size of [999, 100_000, gzip.length]) assert.ok((await inflate(gzip, size)).equals(text))
  const three = Buffer.concat([gzip, gzipSync(''), gzip])
  for (const size of [1001, three.length])
    assert.ok((await inflate(three, size)).equals(Buffer.concat([text, text])))
  const inflater = openIsalInflater() ?? assert.fail()
  const output = Buffer.alloc(10)
  assert.deepEqual(inflater.push(gzipSync('abc'), output), { consumed: 23, produced: 3, done: true })
})

test('refuses what zlib refuses', { skip }, async () => {
  const damaged = (at: number): Buffer => {
    const copy = Buffer.from(gzip)
    copy[copy.length + at] = (copy.at(at) ?? 0) ^ 1
    return copy
  }
  const cases = [
    ['COMPRESSION_TRUNCATED', gzip.subarray(0, 5)],
    ['COMPRESSION_TRUNCATED', gzip.subarray(0, -9)],
    ['COMPRESSION_TRUNCATED', gzip.subarray(0, -1)],
    ['COMPRESSION_TRUNCATED', Buffer.alloc(0)],
    ['COMPRESSION_CORRUPT', damaged(-6)],
    ['COMPRESSION_CORRUPT', damaged(-2)],
    ['COMPRESSION_CORRUPT', text],
    ['COMPRESSION_TRAILING', Buffer.concat([gzip, Buffer.alloc(100)])],
    ['COMPRESSION_NESTED', gzipSync(gzip)],
  ] as const
  for (const [code, data] of cases)
    for (const size of [5000, data.length + 1])
      await assert.rejects(inflate(data, size), (error) => isMilleError(error, code), code)
})
