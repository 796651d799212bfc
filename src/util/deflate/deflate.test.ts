import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { codeLengths, codesOf } from './huffman.ts'
import { Deflater, type DeflateLevel } from './deflate.ts'

const levels: readonly DeflateLevel[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

// one for all: what an earlier input left must not show in a later one's bytes
const deflater = new Deflater()
const deflateRaw = (bytes: Buffer, level: DeflateLevel): Uint8Array => deflater.deflate(bytes, level)

/** The same numbers everywhere. Source: xorshift32, G. Marsaglia. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

function noise(length: number, seed: number, values = 256): Buffer {
  const next = random(seed)
  return Buffer.from(Array.from({ length }, () => next() % values))
}

/** Pieces of itself and new bytes in turn, at every distance: what a match finder can do wrong shows here. */
function patchwork(length: number, seed: number): Buffer {
  const next = random(seed)
  const bytes = noise(length, seed + 1, 1 + (next() % 256))
  for (let at = 1; at < length;) {
    const run = 1 + (next() % (next() % 8 === 0 ? 2000 : 20))
    if (next() % 3 > 0) {
      const from = Math.max(0, at - 1 - (next() % (next() % 2 === 0 ? 40 : 70_000)))
      for (let end = Math.min(length, at + run), source = from; at < end; at++, source++)
        bytes[at] = bytes[source] as number
    } else at += run
  }
  return bytes
}

const lines = Buffer.from(
  Array.from({ length: 60_000 }, (_, i) => `${String((i * 7919) % 100_003)} line\n`).join(''),
)
const samples: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('x'),
  'every short length': noise(300, 3, 3),
  zeros: Buffer.alloc(1_048_576),
  'two bytes in turn': Buffer.alloc(300_000, 'ab'),
  'the longest distance': Buffer.concat([Buffer.from('needle'), noise(32_762, 5), Buffer.from('needle')]),
  'one beyond the longest distance': Buffer.concat([
    Buffer.from('needle'),
    noise(32_763, 5),
    Buffer.from('needle'),
  ]),
  noise: noise(400_000, 7),
  'noise of few values': noise(400_000, 9, 5),
  text: lines,
  patchwork: patchwork(700_000, 11),
}

for (const [name, sample] of Object.entries(samples))
  test(`${name}: zlib reads back what every level wrote`, () => {
    for (const level of levels)
      assert.ok(inflateRawSync(deflateRaw(sample, level)).equals(sample), `level ${level}`)
  })

test('hundreds of small patchworks, cut at every length', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const sample = patchwork(seed * 11, seed * 7919)
    const level = levels[seed % levels.length] as DeflateLevel
    assert.ok(inflateRawSync(deflateRaw(sample, level)).equals(sample), `seed ${seed}`)
  }
})

test('sizes: near zlib’s, better with each level, never much above the data', () => {
  const sizes = levels.map((level) => deflateRaw(lines, level).length)
  for (let level = 2; level < sizes.length; level++)
    assert.ok((sizes[level] as number) <= (sizes[level - 1] as number) * 1.001, sizes.join(' '))
  assert.ok((sizes[4] as number) < deflateRawSync(lines, { level: 6 }).length * 1.06)
  assert.ok(deflateRaw(samples['noise'] ?? lines, 4).length <= 400_000 + 5 * 14)
  assert.ok(deflateRaw(samples['zeros'] ?? lines, 4).length < 2000)
})

test('the bytes are pinned: digests of pushed layers depend on them', () => {
  const hash = createHash('sha256')
  for (const level of levels)
    for (const sample of Object.values(samples)) hash.update(new Deflater().deflate(sample, level))
  assert.equal(hash.digest('hex'), '18b0b0d99c7cf5b03cd72e9fbf61cb442ece882d94a1bf19dbfa6bdf5ab0cee0')
})

test('codes of Fibonacci frequencies, which want to be deep, keep to the limit and are complete', () => {
  const frequencies = new Uint32Array(30)
  for (let index = 0, a = 1, b = 1; index < 30; index++, [a, b] = [b, a + b]) frequencies[index] = a
  for (const limit of [5, 7, 15]) {
    const lengths = codeLengths(frequencies, limit)
    assert.ok(Math.max(...lengths) <= limit)
    assert.equal(
      [...lengths].reduce((sum, length) => sum + 2 ** -length, 0),
      1,
    )
    assert.equal(new Set(codesOf(lengths)).size, 30)
  }
})
