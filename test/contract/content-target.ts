import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { ContentTarget } from '../../src/oci/content.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { isMilleError } from '../../src/util/errors.ts'

export function descriptorOf(bytes: Uint8Array): Descriptor {
  return { mediaType: 'application/octet-stream', digest: sha256(bytes), size: bytes.byteLength }
}

export function streamOf(bytes: Uint8Array, size: number = 65_536): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.byteLength / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )
  return Readable.from(pieces, { objectMode: false })
}

/** What every content target promises. `open` gives a fresh, empty one. */
export function contentTargetContract(
  name: string,
  open: () => Promise<{ readonly target: ContentTarget } & AsyncDisposable>,
): void {
  const code =
    (...codes: Parameters<typeof isMilleError>[1][]) =>
    (error: unknown): boolean =>
      isMilleError(error, ...codes)

  for (const size of [0, 1, 65_537, 3_000_001]) {
    test(`${name}: ${size} bytes come back as they went in`, async () => {
      await using opened = await open()
      const bytes = randomBytes(size)
      const expected = descriptorOf(bytes)
      assert.equal(await opened.target.exists(expected), false)
      await opened.target.push(expected, streamOf(bytes))
      assert.equal(await opened.target.exists(expected), true)
      assert.deepEqual(await buffer(await opened.target.fetch(expected)), bytes)
    })
  }

  test(`${name}: an unknown blob is BLOB_NOT_FOUND`, async () => {
    await using opened = await open()
    await assert.rejects(opened.target.fetch(descriptorOf(Buffer.from('x'))), code('BLOB_NOT_FOUND'))
  })

  test(`${name}: bytes that are not what was announced are refused and never visible`, async () => {
    await using opened = await open()
    const expected = descriptorOf(Buffer.from('right'))
    const refused = code('BLOB_DIGEST_MISMATCH', 'BLOB_SIZE_MISMATCH')
    for (const wrong of ['wrong', 'righ', 'right and more', '']) {
      await assert.rejects(opened.target.push(expected, streamOf(Buffer.from(wrong))), refused, wrong)
      assert.equal(await opened.target.exists(expected), false)
      await assert.rejects(opened.target.fetch(expected), code('BLOB_NOT_FOUND'))
    }
    await opened.target.push(expected, streamOf(Buffer.from('right')))
    assert.equal((await buffer(await opened.target.fetch(expected))).toString(), 'right')
  })

  test(`${name}: a body that fails leaves nothing, and its error comes through`, async () => {
    await using opened = await open()
    const bytes = randomBytes(300_000)
    const body = Readable.from(
      (function* () {
        yield bytes.subarray(0, 200_000)
        throw new TypeError('the wire broke')
      })(),
      { objectMode: false },
    )
    await assert.rejects(opened.target.push(descriptorOf(bytes), body), /the wire broke/)
    assert.equal(await opened.target.exists(descriptorOf(bytes)), false)
  })

  test(`${name}: an aborted push leaves nothing`, async () => {
    await using opened = await open()
    const bytes = randomBytes(300_000)
    await assert.rejects(
      opened.target.push(descriptorOf(bytes), streamOf(bytes), { signal: AbortSignal.abort() }),
    )
    assert.equal(await opened.target.exists(descriptorOf(bytes)), false)
  })

  test(`${name}: pushing is idempotent, also at the same time`, async () => {
    await using opened = await open()
    const bytes = randomBytes(500_000)
    const expected = descriptorOf(bytes)
    await Promise.all([1, 2, 3].map(() => opened.target.push(expected, streamOf(bytes))))
    await opened.target.push(expected, streamOf(bytes))
    assert.deepEqual(await buffer(await opened.target.fetch(expected)), bytes)
  })

  test(`${name}: several readers of one blob, one of which goes away early`, async () => {
    await using opened = await open()
    const bytes = randomBytes(2_000_000)
    const expected = descriptorOf(bytes)
    await opened.target.push(expected, streamOf(bytes))
    const early = await opened.target.fetch(expected)
    early.once('data', () => early.destroy())
    const [left, right] = await Promise.all(
      [1, 2].map(async () => buffer(await opened.target.fetch(expected))),
    )
    assert.deepEqual(left, bytes)
    assert.deepEqual(right, bytes)
  })
}
