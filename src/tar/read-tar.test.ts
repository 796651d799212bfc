import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { rawEnd, rawEntry, rawPax } from '../../test/support/raw-tar.ts'
import { isMilleError } from '../util/errors.ts'
import { readTar } from './read-tar.ts'

async function* pieces(tar: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < tar.length; at += size) yield tar.subarray(at, at + size)
}

const tar = Buffer.concat([
  rawEntry({ name: 'a' }, 'a'.repeat(5000)),
  rawEntry({ name: 'b' }, 'b'.repeat(5000)),
  rawPax({ 'GNU.sparse.size': '100000', 'GNU.sparse.map': '10,3,70000,2' }),
  rawEntry({ name: 's' }, 'xyzuv'),
  rawEnd,
])

test('members in order; bodies that are not read, or not to their end, are skipped', async () => {
  for (const size of [100, 512, 3000, tar.length]) {
    const found: string[] = []
    for await (const { entry, body } of readTar(pieces(tar, size))) {
      found.push(entry.path)
      if (entry.path === 'a')
        for await (const chunk of body) {
          assert.equal((chunk as Buffer)[0], 0x61)
          break
        }
      if (entry.path === 's') {
        const expected = Buffer.alloc(100_000)
        expected.write('xyz', 10)
        expected.write('uv', 70_000)
        assert.ok((await buffer(body)).equals(expected))
      }
    }
    assert.deepEqual(found, ['a', 'b', 's'])
  }
})

test('a cut archive fails in the body and again at the next member', async () => {
  const members = readTar(pieces(tar.subarray(0, 3000), 1000))
  const first = await members.next()
  assert.ok(first.value)
  const truncated = (error: unknown): boolean => isMilleError(error, 'LAYER_TAR_TRUNCATED')
  await assert.rejects(buffer(first.value.body), truncated)
  await assert.rejects(members.next(), truncated)
})

test('who stops early closes the source', async () => {
  let closed = false
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield* pieces(tar, 700)
    } finally {
      closed = true
    }
  }
  for await (const { entry } of readTar(source())) if (entry.path === 'a') break
  assert.ok(closed)
})
