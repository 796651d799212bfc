import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { firstByteDifference } from './byte-difference.ts'
import type { TarHeader } from './encode-header.ts'
import { firstDifference, type TarDifference } from './first-difference.ts'
import { TarWriter } from './writer.ts'

type Entry = Partial<TarHeader> & { readonly path: string; readonly body?: string }

function tarOf(entries: readonly Entry[]): Buffer {
  const writer = new TarWriter()
  const parts = entries.flatMap(({ body = '', ...header }) => {
    const common = {
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 0n,
      size: Buffer.byteLength(body),
    } as const
    return [writer.add({ ...common, ...header }).bytes, Buffer.from(body)]
  })
  return Buffer.concat([...parts, writer.end()])
}

/** In pieces, as a disk gives them. */
function pieces(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  const count = Math.ceil(bytes.length / size)
  return Readable.from(Array.from({ length: count }, (_, at) => bytes.subarray(at * size, (at + 1) * size)))
}

async function differ(first: Buffer, second: Buffer): Promise<TarDifference | undefined> {
  const open = (bytes: Buffer, size: number) => (): Promise<AsyncIterable<Buffer>> =>
    Promise.resolve(pieces(bytes, size))
  return await firstDifference(open(first, 1000), open(second, 4096))
}

const summary = (found: TarDifference | undefined): unknown =>
  found && [
    found.part,
    found.path,
    found.offset,
    found.first?.bytes.toString(),
    found.second?.bytes.toString(),
  ]

test('equal tars have none', async () => {
  const tar = tarOf([{ path: 'a', body: 'x' }, { path: 'b' }])
  assert.equal(await differ(tar, Buffer.from(tar)), undefined)
  assert.equal(await differ(Buffer.alloc(0), Buffer.alloc(0)), undefined)
})

test('contents: the byte, with what is around it in both', async () => {
  const long = 'x'.repeat(70_000)
  const found = await differ(
    tarOf([
      { path: 'same', body: 'same' },
      { path: 'dir/long', body: `${long}one${long}` },
    ]),
    tarOf([
      { path: 'same', body: 'same' },
      { path: 'dir/long', body: `${long}two${long}` },
    ]),
  )
  assert.deepEqual([found?.part, found?.path, found?.offset], ['content', 'dir/long', 70_000])
  assert.equal(found?.first?.from, 70_000 - 32)
  assert.equal(found?.first?.bytes.toString(), `${'x'.repeat(32)}one${'x'.repeat(45)}`)
  assert.equal(found?.second?.bytes.toString(), `${'x'.repeat(32)}two${'x'.repeat(45)}`)
})

test('a content that goes on differs where the other one ends', async () => {
  const found = await differ(
    tarOf([{ path: 'a', body: 'short' }]),
    tarOf([{ path: 'a', body: 'short, or not' }]),
  )
  assert.deepEqual(summary(found), ['content', 'a', 5, 'short', 'short, or not'])
})

const fields: readonly (readonly [Partial<TarHeader>, Partial<TarHeader>, unknown])[] = [
  [{ mode: 0o644 }, { mode: 0o4755 }, ['mode', 'a', 0, '0644', '4755']],
  [{ uid: 1000 }, { uid: 1001 }, ['uid', 'a', 3, '1000', '1001']],
  [{ gid: 10 }, { gid: 1 }, ['gid', 'a', 1, '10', '1']],
  [{ mtime: 0n }, { mtime: 1_500_000_000n }, ['mtime', 'a', 0, '0', '1.5']],
  [
    { type: 'symlink', linkTarget: '/x/1' },
    { type: 'symlink', linkTarget: '/x/2' },
    ['link target', 'a', 3, '/x/1', '/x/2'],
  ],
  [{ type: 'file' }, { type: 'directory' }, ['type', 'a', 0, 'file', 'directory']],
  [
    { type: 'char', device: { major: 1, minor: 3 } },
    { type: 'char', device: { major: 1, minor: 5 } },
    ['device', 'a', 3, '1, 3', '1, 5'],
  ],
]
for (const [one, other, expected] of fields) {
  test(`headers: ${String((expected as string[])[0])}`, async () => {
    const found = await differ(tarOf([{ path: 'a', ...one }]), tarOf([{ path: 'a', ...other }]))
    assert.deepEqual(summary(found), expected)
  })
}

test('extended attributes: their values, and one that is missing', async () => {
  const withXattr = (name: string, value: string): Buffer =>
    tarOf([{ path: 'a', xattrs: new Map([[name, Buffer.from(value)]]) }])
  const values = await differ(withXattr('user.a', 'one'), withXattr('user.a', 'ore'))
  assert.deepEqual(
    [values?.attribute, ...(summary(values) as unknown[])],
    ['user.a', 'xattr', 'a', 1, 'one', 'ore'],
  )
  const names = await differ(withXattr('user.b', 'x'), withXattr('user.c', 'x'))
  assert.deepEqual(
    [names?.attribute, ...(summary(names) as unknown[])],
    ['user.b', 'xattr', 'a', 0, 'x', undefined],
  )
})

test('entries: another name, one that only one has, another order', async () => {
  const tar = (...paths: readonly string[]): Buffer => tarOf(paths.map((path) => ({ path })))
  const cases: readonly (readonly [Buffer, Buffer, unknown])[] = [
    [tar('a', 'tmp.Ab', 'z'), tar('a', 'tmp.Xy', 'z'), ['name', 'tmp.Ab', 4, 'tmp.Ab', 'tmp.Xy']],
    [tar('a', 'b', 'z'), tar('a', 'z'), ['presence', 'b', 0, 'b', undefined]],
    [tar('a', 'z'), tar('a', 'b', 'z'), ['presence', 'b', 0, undefined, 'b']],
    [tar('a'), tar('a', 'b'), ['presence', 'b', 0, undefined, 'b']],
    [Buffer.alloc(0), tar('a'), ['presence', 'a', 0, undefined, 'a']],
    [tar('a', 'c', 'b'), tar('a', 'b', 'c'), ['order', 'c', 0, 'c', 'b']],
  ]
  for (const [one, other, expected] of cases) assert.deepEqual(summary(await differ(one, other)), expected)
})

test('what says the same in other bytes is told as such', async () => {
  const one = tarOf([{ path: 'a' }])
  const other = Buffer.concat([one, Buffer.alloc(512)])
  const found = await differ(one, other)
  assert.deepEqual([found?.part, found?.path, found?.offset], ['encoding', '', one.length])
})

test('bytes that differ at the edge of a block, whatever pieces they come in', async () => {
  for (const at of [0, 1, 31, 65_535, 65_536, 65_537, 131_071, 131_072]) {
    const one = Buffer.alloc(140_000, 'a')
    const other = Buffer.from(one)
    other[at] = 0x62
    const found = await firstByteDifference(pieces(one, 7919), pieces(other, 65_536))
    assert.equal(found?.offset, at)
    const { from = 0, bytes = Buffer.alloc(0) } = found?.second ?? {}
    assert.equal(from, Math.max(0, at - 32))
    assert.equal(bytes[at - from], 0x62)
    assert.deepEqual(bytes, other.subarray(from, at + 48))
    assert.deepEqual(found?.first.bytes, one.subarray(from, at + 48))
  }
})
