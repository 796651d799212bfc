import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { mountErofs } from '../../test/support/mount-erofs.ts'
import { isMilleError } from '../util/errors.ts'
import { whiteout, type ErofsDirectory, type ErofsFile, type ErofsNode, type ErofsTree } from './tree.ts'
import { writeErofs } from './write-erofs.ts'

const base = mkdtempSync(join(tmpdir(), 'mille-erofs-'))
after(() => rmSync(base, { recursive: true, force: true }))
let count = 0
const folder = (): string => join(base, String(count++))

const common = { mode: 0o644, uid: 0, gid: 0, mtime: 1_000_000_000_123_456_789n }
function directory(
  children: Record<string, ErofsNode>,
  change: Partial<ErofsDirectory> = {},
): ErofsDirectory {
  return { ...common, mode: 0o755, type: 'directory', children: new Map(Object.entries(children)), ...change }
}
function file(size: number, at: number, change: Partial<ErofsFile> = {}): ErofsFile {
  return {
    ...common,
    type: 'file',
    size,
    ranges: [{ at: 0, length: size, offset: at }],
    ...change,
  }
}

/** A "tar" whose every 512-byte block is filled with its own number. */
const device = join(base, 'device')
const blocks = 64
const content = Buffer.concat(Array.from({ length: blocks }, (_, block) => Buffer.alloc(512, block + 1)))
writeFileSync(device, content)

function mounted(root: ErofsDirectory, side?: Uint8Array): ReturnType<typeof mountErofs> {
  const tree: ErofsTree = { root, deviceSize: content.length, ...(side && { side }) }
  return mountErofs(folder(), writeErofs(tree), device)
}

test('files read their bytes from the tar, at odd sizes and offsets', () => {
  using mount = mounted(
    directory({ one: file(1, 512), two: file(5000, 1024), all: file(content.length, 0), none: file(0, 0) }),
  )
  assert.deepEqual(readFileSync(join(mount.path, 'one')), content.subarray(512, 513))
  assert.deepEqual(readFileSync(join(mount.path, 'two')), content.subarray(1024, 6024))
  assert.deepEqual(readFileSync(join(mount.path, 'all')), content)
  assert.equal(readFileSync(join(mount.path, 'none')).length, 0)
})

test('metadata: modes with setuid, large owners, nanoseconds, times before 1970', () => {
  const root = directory({
    setuid: file(1, 0, { mode: 0o4755, uid: 4_000_000_000, gid: 70_000 }),
    old: file(1, 0, { mtime: -1n }),
    sticky: directory({}, { mode: 0o1777 }),
  })
  using mount = mounted(root)
  const stat = (name: string): string =>
    execFileSync('stat', ['-c', '%a %u %g %.9Y', join(mount.path, name)])
      .toString()
      .trim()
  assert.equal(stat('setuid'), '4755 4000000000 70000 1000000000.123456789')
  assert.equal(stat('old'), '644 0 0 -0.000000001')
  assert.equal(stat('sticky'), '1777 0 0 1000000000.123456789')
})

test('links: symbolic ones short and long, hard ones share an inode, directories count theirs', () => {
  const shared = file(3, 0)
  const long = 'x'.repeat(200)
  const longer = `${'d/'.repeat(1500)}end`
  const root = directory({
    a: shared,
    sub: directory({ b: shared, deeper: directory({}) }),
    short: { ...common, mode: 0o777, type: 'symlink', linkTarget: 'a' },
    long: { ...common, mode: 0o777, type: 'symlink', linkTarget: long },
    longer: { ...common, mode: 0o777, type: 'symlink', linkTarget: longer },
  })
  using mount = mounted(root)
  assert.deepEqual(
    ['short', 'long', 'longer'].map((name) => readlinkSync(join(mount.path, name))),
    ['a', long, longer],
  )
  assert.equal(statSync(join(mount.path, 'a')).nlink, 2)
  assert.equal(statSync(join(mount.path, 'a')).ino, statSync(join(mount.path, 'sub/b')).ino)
  assert.equal(statSync(join(mount.path, 'sub')).nlink, 3)
  assert.equal(statSync(mount.path).nlink, 3)
})

test('devices, fifos and the whiteouts of overlayfs', () => {
  const root = directory({
    null: { ...common, type: 'char', major: 1, minor: 3 },
    big: { ...common, type: 'block', major: 4095, minor: 1_048_575 },
    pipe: { ...common, type: 'fifo', major: 0, minor: 0 },
    gone: whiteout,
  })
  using mount = mounted(root)
  const stat = (name: string): string =>
    execFileSync('stat', ['-c', '%F %Hr %Lr', join(mount.path, name)])
      .toString()
      .trim()
  assert.equal(stat('null'), 'character special file 1 3')
  assert.equal(stat('big'), 'block special file 4095 1048575')
  assert.equal(stat('gone'), 'character special file 0 0')
  assert(lstatSync(join(mount.path, 'pipe')).isFIFO())
})

test('large directories: every name is found, sorted by bytes, also names that are not UTF-8', () => {
  const names = Array.from({ length: 3000 }, (_, i) => `${'n'.repeat(i % 200)}-${i}`)
  const children = new Map<string, ErofsNode>(names.map((name) => [name, file(1, 0)]))
  for (const odd of ['!first', '-dash', 'ümläut', '日本', '\u{1f600}', 'n\udcff', '~last', 'y'.repeat(255)])
    children.set(odd, file(2, 0))
  using mount = mounted(directory({}, { children }))
  assert.equal(readdirSync(mount.path).length, children.size)
  for (const name of ['!first', '-dash', 'ümläut', '日本', '\u{1f600}', '~last', 'y'.repeat(255)]) {
    assert.equal(statSync(join(mount.path, name)).size, 2, name)
  }
  assert.equal(statSync(Buffer.concat([Buffer.from(`${mount.path}/n`), Buffer.from([0xff])])).size, 2)
  for (const name of names) assert.equal(statSync(join(mount.path, name)).size, 1, name)
})

test('attributes of every name space, on files, folders and in numbers that cross blocks', () => {
  const many = new Map(
    Array.from({ length: 40 }, (_, i) => [`user.key${i}`, Buffer.alloc(i * 7, 65 + (i % 26))] as const),
  )
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
  const root = directory(
    {
      many: file(700, 0, { xattrs: many }),
      capable: file(1, 0, { xattrs: new Map([['security.capability', capability]]) }),
      link: {
        ...common,
        mode: 0o777,
        type: 'symlink',
        linkTarget: 'a',
        xattrs: new Map([['trusted.note', Buffer.from('x')]]),
      },
    },
    { xattrs: new Map([['trusted.overlay.opaque', Buffer.from('y')]]) },
  )
  using mount = mounted(root)
  const get = (path: string, name: string): string =>
    execFileSync('getfattr', ['-h', '--absolute-names', '--only-values', '-n', name, path]).toString('latin1')
  for (const [name, value] of many) assert.equal(get(join(mount.path, 'many'), name), value.toString(), name)
  assert.equal(get(join(mount.path, 'capable'), 'security.capability'), capability.toString('latin1'))
  assert.equal(get(mount.path, 'trusted.overlay.opaque'), 'y')
  assert.equal(get(join(mount.path, 'link'), 'trusted.note'), 'x')
  assert.deepEqual(readFileSync(join(mount.path, 'many')), content.subarray(0, 700))
})

test('sparse files: holes are zeros, data comes from the tar or the side area', () => {
  const side = Buffer.alloc(1024, 0xee)
  const sparse: ErofsFile = {
    ...common,
    type: 'file',
    size: 1_000_000,
    ranges: [
      { at: 4096, length: 1024, offset: 2048 },
      { at: 65_536, length: 512, offset: 512, isSide: true },
      { at: 999_936, length: 64, offset: 512 },
    ],
  }
  const hole: ErofsFile = { ...common, type: 'file', size: 5 * 2 ** 30, ranges: [] }
  using mount = mounted(directory({ sparse, hole }), side)
  const expected = Buffer.alloc(1_000_000)
  content.copy(expected, 4096, 2048, 3072)
  expected.fill(0xee, 65_536, 66_048)
  content.copy(expected, 999_936, 512, 576)
  assert.deepEqual(readFileSync(join(mount.path, 'sparse')), expected)
  assert.equal(statSync(join(mount.path, 'hole')).size, 5 * 2 ** 30)
})

test('a tree 2,000 levels deep needs no stack', () => {
  let root = directory({ leaf: file(1, 0) })
  for (let level = 0; level < 2000; level++) root = directory({ d: root })
  using mount = mounted(root)
  assert.equal(statSync(join(mount.path, 'd/'.repeat(1000))).nlink, 3)
})

test('the same tree gives the same bytes, in whatever order children were added', () => {
  const tree = (names: readonly string[]): Buffer =>
    writeErofs({
      root: directory(
        {},
        { children: new Map(names.map((name) => [name, { ...file(1, 0), uid: name.length }])) },
      ),
      deviceSize: 512,
    })
  assert(tree(['a', 'bb', 'ccc']).equals(tree(['ccc', 'a', 'bb'])))
  assert(!tree(['a', 'bb', 'ccc']).equals(tree(['a', 'bb', 'cccc'])))
})

test('what the format cannot hold is refused', () => {
  const refused = (root: ErofsDirectory, code: 'LAYER_LIMIT' | 'INTERNAL'): void =>
    assert.throws(
      () => writeErofs({ root, deviceSize: 512 }),
      (error) => isMilleError(error, code),
    )
  refused(
    directory({ x: file(1, 0, { xattrs: new Map([['user.x', Buffer.alloc(70_000)]]) }) }),
    'LAYER_LIMIT',
  )
  refused(directory({ x: file(1, 100) }), 'INTERNAL')
  refused(
    directory({
      x: {
        ...common,
        type: 'file',
        size: 2 ** 52,
        ranges: [{ at: 512, length: 512, offset: 0 }],
      },
    }),
    'LAYER_LIMIT',
  )
})

test('fsck.erofs, where there is one new enough for extra devices, finds no fault', (t) => {
  const version = /(\d+)\.(\d+)/.exec(spawnSync('fsck.erofs', ['--version']).stdout?.toString() ?? '')
  const image = join(base, 'checked')
  const root = directory({
    a: file(600, 0),
    sub: directory({ link: { ...common, mode: 0o777, type: 'symlink', linkTarget: 'a' } }),
  })
  writeFileSync(image, writeErofs({ root, deviceSize: content.length }))
  if (!version || Number(version[1]) * 100 + Number(version[2]) < 106) {
    t.diagnostic('no fsck.erofs 1.6 or newer: only mounted')
    using mount = mounted(root)
    assert.equal(readdirSync(mount.path).length, 2)
    return
  }
  execFileSync('fsck.erofs', [`--device=${device}`, image])
})

test('the bytes are pinned', () => {
  const shared = file(700, 1024)
  const root = directory({
    shared,
    sub: directory({
      shared,
      gone: whiteout,
      link: { ...common, type: 'symlink', linkTarget: 'x'.repeat(600) },
    }),
    sparse: file(5000, 0, { ranges: [{ at: 1024, length: 512, offset: 0, isSide: true }] }),
    owned: file(1, 0, { uid: 100_000, xattrs: new Map([['user.a', Buffer.from('1')]]) }),
  })
  const image = writeErofs({ root, deviceSize: 4096, side: Buffer.alloc(512, 7) })
  assert.equal(
    createHash('sha256').update(image).digest('hex'),
    'cb02c7374309c9833536349b5801db16241114f5317614d8026fe0c3961cc5a6',
  )
})
